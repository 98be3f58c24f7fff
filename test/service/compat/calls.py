"""Calls of TGI's own Python client; runs in an environment that has it.

Usage: ``python calls.py URL``. Prints one JSON object with what each call returned.

Streamed chats are left out: since TGI 2.2 they end with ``[DONE]``, which this client takes for
JSON, so it cannot read them from TGI either.
"""

import asyncio
import json
import sys
from collections.abc import Callable
from typing import Any

from text_generation import AsyncClient, Client  # type: ignore[import-not-found]
from text_generation.errors import (  # type: ignore[import-not-found]
    GenerationError,
    IncompleteGenerationError,
    OverloadedError,
    RateLimitExceededError,
    ShardNotReadyError,
    ShardTimeoutError,
    ValidationError,
)

PROMPT = "Can shrimp actually fry rice fr?"
ERRORS = (
    GenerationError,
    IncompleteGenerationError,
    OverloadedError,
    RateLimitExceededError,
    ShardNotReadyError,
    ShardTimeoutError,
    ValidationError,
)


def raised(call: Callable[[], Any]) -> str | None:
    """Returns the class and text of the client's own error, if the call ends with one."""
    try:
        call()
    except ERRORS as error:
        return f"{type(error).__name__}: {error}"
    return None


def main(url: str) -> dict[str, Any]:
    client = Client(url)
    whole = client.generate(PROMPT, max_new_tokens=17)
    sampled = client.generate(
        PROMPT, do_sample=True, best_of=2, temperature=0.5, decoder_input_details=True
    )
    streamed = list(client.generate_stream(PROMPT, max_new_tokens=17))
    chat = client.chat(messages=[{"role": "user", "content": PROMPT}], max_tokens=17)
    return {
        "text": whole.generated_text,
        "reason": whole.details.finish_reason.value,
        "tokens": len(whole.details.tokens),
        "prefill": len(sampled.details.prefill),
        "best_of_sequences": len(sampled.details.best_of_sequences),
        "seed": sampled.details.seed,
        "streamed": "".join(r.token.text for r in streamed if not r.token.special),
        "last": streamed[-1].generated_text,
        "last_reason": streamed[-1].details.finish_reason.value,
        "chat": chat.choices[0].message.content,
        "asynchronous": asyncio.run(asynchronous(url)),
        "errors": [raised(lambda: client.generate(PROMPT)) for _ in range(7)],
        "stream_error": raised(lambda: list(client.generate_stream(PROMPT))),
    }


async def asynchronous(url: str) -> list[str]:
    client = AsyncClient(url)
    whole = await client.generate(PROMPT, max_new_tokens=17)
    streamed = [r async for r in client.generate_stream(PROMPT, max_new_tokens=17)]
    return [whole.generated_text, streamed[-1].generated_text]


if __name__ == "__main__":
    json.dump(main(sys.argv[1]), sys.stdout)
