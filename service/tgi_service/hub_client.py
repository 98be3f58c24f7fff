"""huggingface_hub's client, for one request at a time.

The library builds the requests and reads the answers. How a request travels is ours: see
:mod:`tgi_service.transport` for why.
"""

import json
import re
from collections.abc import Generator, Iterable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import asdict
from typing import Any, NoReturn

import httpx
from huggingface_hub import InferenceClient
from huggingface_hub.errors import HfHubHTTPError, TextGenerationError
from huggingface_hub.inference._common import RequestParameters, raise_text_generation_error

from tgi_service.answers import failure_of_answer, failure_of_hub_error
from tgi_service.backend import Generated, StreamItem, Token
from tgi_service.call import Cancellation
from tgi_service.errors import TgiBadAnswerError, TgiGenerationError
from tgi_service.transport import Transport

EXCERPT = 200
"""Characters of an unexpected answer that are worth repeating."""
OK = 200
UNREADABLE = (ValueError, TypeError, AttributeError, LookupError, RecursionError)
"""What reading an answer of another shape than TGI's may raise."""
_EVENT_LINE = re.compile(r"(?:data|event|id|retry)?:|$")
"""How a line of server-sent events begins, comments and empty lines included."""


class HubClient(InferenceClient):
    """The library's client for one request, over a connection that can be broken off.

    Args:
        own_fields: fields of the body that the library would write otherwise.
    """

    def __init__(
        self,
        url: str,
        transport: Transport,
        cancellation: Cancellation,
        own_fields: Mapping[str, Any] | None = None,
    ) -> None:
        # With any token at all, the library does not look for one on the machine.
        super().__init__(model=url, token="unused")  # noqa: S106 - none at all
        self._transport = transport
        self._cancellation = cancellation
        self._own_fields = own_fields or {}
        self._last_seen = ""

    def _inner_post(  # type: ignore[override]
        self, request_parameters: RequestParameters, *, stream: bool = False
    ) -> bytes | Iterable[str]:
        """Takes the place of the one method of the library that does I/O.

        Its headers are left aside: ours are complete, theirs may hold a token found on the
        machine.
        """
        body: Any = request_parameters.json
        response = self.exit_stack.enter_context(
            self._transport.request(
                "POST",
                request_parameters.url,
                self._cancellation,
                json={**body, **self._own_fields},
            )
        )
        if response.status == OK and stream:
            return self._lines(response.chunks())
        with self._transport.reading(self._cancellation):
            content = response.read() if response.status == OK else response.beginning()
        self._last_seen = content.decode(errors="replace")
        if response.status != OK:
            self._refuse(response.status, content, request_parameters.url)
        return content

    def details(self) -> dict[str, Any] | None:
        """Returns what a native answer says about itself, word by word.

        Raises:
            ValueError, TypeError, AttributeError, LookupError: if it has no such shape.
        """
        answer = json.loads(self._last_seen)
        details: dict[str, Any] | None = (answer[0] if isinstance(answer, list) else answer).get(
            "details"
        )
        if details is not None and not isinstance(details, dict):
            raise TypeError("details are an object")
        return details

    def _refuse(self, status: int, content: bytes, url: str) -> NoReturn:
        """Raises the error that an answer stands for, the library's own as its cause."""
        answer = httpx.Response(status, content=content, request=httpx.Request("POST", url))
        try:
            raise_text_generation_error(HfHubHTTPError(f"{status} for {url}", response=answer))
        except (HfHubHTTPError, TextGenerationError) as error:
            raise failure_of_answer(status, self._last_seen, self._transport.server) from error

    def _lines(self, chunks: Iterable[bytes]) -> Iterator[str]:
        """Splits at line feeds only: JSON text may hold what else counts as a line's end.

        A last line without one was cut off, and is left out.

        Raises:
            ValueError: for a line of something else: a page, or JSON.
        """
        pending = bytearray()
        with self._transport.reading(self._cancellation):
            for chunk in chunks:
                pending += chunk
                if b"\n" not in chunk:  # a long line is not searched again with each chunk
                    continue
                *lines, pending = pending.split(b"\n")
                for line in lines:
                    self._see(line.decode())
                    # Servers before TGI 2.1 leave out the space, which the library wants here.
                    yield "data: [DONE]" if self._last_seen == "data:[DONE]" else self._last_seen
        if not b"data:".startswith(bytes(pending[:5])):
            self._see(pending.decode(errors="replace"))

    def _see(self, line: str) -> None:
        self._last_seen = line.strip()
        if not _EVENT_LINE.match(self._last_seen):
            raise ValueError("not a line of server-sent events")

    @contextmanager
    def expecting_text(self) -> Iterator[None]:
        """Surrounds the reading of an answer: what the library cannot read is no TGI's answer.

        Raises:
            InfernetMLException: for an error event, or an answer of another shape.
        """
        try:
            yield
        except TextGenerationError as error:
            raise failure_of_hub_error(error) from error
        except UNREADABLE as error:
            raise TgiBadAnswerError(
                f"{self._transport.server} answered {OK}: {self._last_seen[:EXCERPT]}"
            ) from error


def continue_chat(
    client: HubClient,
    messages: Sequence[Mapping[str, Any]],
    options: Mapping[str, Any],
) -> Generated:
    """Asks for the next message of a chat.

    Args:
        options: of the library's ``chat_completion``.

    Raises:
        InfernetMLException: if there is none.
    """
    with client.expecting_text():
        answer = client.chat_completion(messages=[dict(message) for message in messages], **options)
        choice = answer.choices[0]
        details = _chat_details(choice.finish_reason, answer.usage)
        return Generated(encodable(choice.message.content), details)


def stream_chat(
    client: HubClient,
    messages: Sequence[Mapping[str, Any]],
    options: Mapping[str, Any],
) -> Generator[StreamItem, None, None]:
    """Asks for the next message of a chat token by token; see :func:`continue_chat`."""
    with client.expecting_text():
        text = ""
        complete = False
        count = 0
        for chunk in client.chat_completion(
            messages=[dict(message) for message in messages], stream=True, **options
        ):
            if not chunk.choices:  # the chunk with the usage, when a server sends it unasked
                continue
            choice = chunk.choices[0]
            piece = encodable(choice.delta.content or "")
            text += piece
            count += 1
            reason = choice.finish_reason
            complete = complete or reason is not None
            details = {"finish_reason": reason, "generated_tokens": count} if reason else None
            yield StreamItem(Token(piece, special=False), text if reason else None, details)
        require_end(complete)


def encodable(value: Any) -> str:
    """Checks that a value is text that can be encoded.

    Raises:
        TypeError, ValueError: if it is not.
    """
    if not isinstance(value, str):
        raise TypeError("no text where text is expected")
    value.encode()
    return value


def require_end(complete: bool) -> None:
    """Refuses a stream without its last event.

    The library takes a stream that was cut off for a complete one.

    Raises:
        TgiGenerationError: if it was cut off.
    """
    if not complete:
        raise TgiGenerationError("Incomplete generation: the stream ended before its last event")


def _chat_details(reason: str | None, usage: Any) -> dict[str, Any]:
    details: dict[str, Any] = {"finish_reason": reason}
    if usage is not None:
        counts = asdict(usage)
        details |= {"generated_tokens": counts["completion_tokens"], "usage": counts}
    return details
