"""Text from a TGI server, by way of huggingface_hub's client.

That client builds the requests and reads the answers. How a request travels is ours:
see :mod:`tgi_service.transport` for why.
"""

from collections.abc import Generator, Iterable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import asdict, dataclass
from typing import Any
from urllib.parse import urlsplit, urlunsplit

import httpx
from huggingface_hub import InferenceClient
from huggingface_hub.errors import TextGenerationError
from huggingface_hub.inference._common import RequestParameters

from tgi_service.answers import failure_of_answer, failure_of_hub_error
from tgi_service.call import Cancellation
from tgi_service.errors import TgiBadAnswerError, TgiGenerationError
from tgi_service.transport import Transport

_PLAIN, _STREAMED = "/generate", "/generate_stream"
_EXCERPT = 200
"""Characters of an unexpected answer that are worth repeating."""
_OK = 200
_OPTIONAL_DETAILS = frozenset({"best_of_sequences", "input_length", "top_tokens"})


@dataclass(frozen=True, slots=True)
class Generated:
    """A complete answer; ``details`` as TGI reports them, if it was asked to."""

    text: str
    details: dict[str, Any] | None


@dataclass(frozen=True, slots=True)
class Token:
    """A piece of an answer; a special one is no part of the text."""

    text: str
    special: bool


@dataclass(frozen=True, slots=True)
class StreamItem:
    """One event of a stream; the last one has the whole text."""

    token: Token
    generated_text: str | None = None
    details: dict[str, Any] | None = None


class TokenStream(Iterator[StreamItem]):
    """A stream whose first item has arrived. Closing it ends the request to TGI.

    Raises:
        InfernetMLException: on creation, if the stream ends before its first item.
    """

    def __init__(self, items: Generator[StreamItem, None, None]) -> None:
        self._items = items
        self._first: StreamItem | None = next(items)

    def __next__(self) -> StreamItem:
        first, self._first = self._first, None
        return next(self._items) if first is None else first

    def close(self) -> None:
        """Ends the request, if it has not ended yet."""
        self._items.close()


class TgiBackend:
    """One TGI server. Safe to use from several threads at once.

    Args:
        server_url: where prompts are posted. If it ends in ``/generate``, streams are asked
            for at ``/generate_stream``; other routes are appended to it without that ending.
    """

    def __init__(self, server_url: str, transport: Transport) -> None:
        self._transport = transport
        self._plain_url = server_url
        url = urlsplit(server_url)
        base_path = url.path.removesuffix(_PLAIN)
        self._base_url = urlunsplit(url._replace(path=base_path))
        self._stream_url = (
            urlunsplit(url._replace(path=base_path + _STREAMED))
            if base_path != url.path
            else server_url
        )

    def generate(
        self, prompt: str, parameters: Mapping[str, Any], cancellation: Cancellation
    ) -> Generated:
        """Asks for a whole answer, once.

        Raises:
            InfernetMLException: if TGI does not give one.
            ServiceException: the reason, if the job was cancelled.
        """
        with self._client(self._plain_url, cancellation) as client, client.expecting_text():
            answer = client.text_generation(prompt, **parameters)
            if isinstance(answer, str):
                return Generated(_text(answer), None)
            return Generated(_text(answer.generated_text), _details(answer.details))

    def stream(
        self, prompt: str, parameters: Mapping[str, Any], cancellation: Cancellation
    ) -> Generator[StreamItem, None, None]:
        """Asks for an answer token by token, once. Closing the iterator ends the request.

        Raises:
            InfernetMLException: if TGI does not give one, or breaks off.
            ServiceException: the reason, if the job was cancelled.
        """
        with self._client(self._stream_url, cancellation) as client, client.expecting_text():
            # Only with details does the client tell special tokens from others.
            options = {**parameters, "details": True, "stream": True}
            item = None
            for event in client.text_generation(prompt, **options):
                item = StreamItem(
                    Token(_text(event.token.text), bool(event.token.special)),
                    event.generated_text,
                    _details(event.details),
                )
                yield item
            _require_end(item is not None and item.generated_text is not None)

    def chat(
        self,
        messages: Sequence[Mapping[str, Any]],
        parameters: Mapping[str, Any],
        cancellation: Cancellation,
    ) -> Generated:
        """Continues a chat with one message; see :meth:`generate`."""
        with self._client(self._base_url, cancellation) as client, client.expecting_text():
            answer = client.chat_completion(messages=list(messages), **parameters)
            choice = answer.choices[0]
            details = _chat_details(choice.finish_reason, answer.usage)
            return Generated(_text(choice.message.content), details)

    def stream_chat(
        self,
        messages: Sequence[Mapping[str, Any]],
        parameters: Mapping[str, Any],
        cancellation: Cancellation,
    ) -> Generator[StreamItem, None, None]:
        """Continues a chat token by token; see :meth:`stream`."""
        with self._client(self._base_url, cancellation) as client, client.expecting_text():
            text = ""
            reason = None
            count = 0
            for chunk in client.chat_completion(messages=list(messages), stream=True, **parameters):
                if not chunk.choices:  # the chunk with the usage, when a server sends it unasked
                    continue
                choice = chunk.choices[0]
                piece = _text(choice.delta.content or "")
                text += piece
                count += 1
                reason = choice.finish_reason
                details = {"finish_reason": reason, "generated_tokens": count} if reason else None
                yield StreamItem(Token(piece, special=False), text if reason else None, details)
            _require_end(reason is not None)

    def is_healthy(self, cancellation: Cancellation) -> bool:
        """Tells whether ``/health`` answers 200.

        Raises:
            InfernetMLException: if there is no answer.
        """
        with self._transport.request("GET", self._route("/health"), cancellation) as response:
            return response.status_code == _OK

    def model_id(self, cancellation: Cancellation) -> str:
        """Returns the name of the model that ``/info`` reports.

        Raises:
            InfernetMLException: if there is no such answer.
        """
        with self._transport.request("GET", self._route("/info"), cancellation) as response:
            with self._transport.reading(cancellation):
                response.read()
            try:
                return str(response.json()["model_id"])
            except (ValueError, LookupError, TypeError) as error:
                raise TgiBadAnswerError(
                    f"TGI answered {response.status_code} to /info: {response.text[:_EXCERPT]}"
                ) from error

    def _client(self, url: str, cancellation: Cancellation) -> "_Client":
        return _Client(url, self._transport, cancellation)

    def _route(self, path: str) -> str:
        return self._base_url.rstrip("/") + path


class _Client(InferenceClient):
    """The library's client for one request, over a connection that can be broken off."""

    def __init__(self, url: str, transport: Transport, cancellation: Cancellation) -> None:
        # With any token at all, the library does not look for one on the machine.
        super().__init__(model=url, token="unused")  # noqa: S106 - none at all
        self._transport = transport
        self._cancellation = cancellation
        self._last_seen = ""

    def _inner_post(  # type: ignore[override]
        self, request_parameters: RequestParameters, *, stream: bool = False
    ) -> bytes | Iterable[str]:
        """Takes the place of the one method of the library that does I/O.

        Its headers are left aside: ours are complete, theirs may hold a token found on the
        machine.
        """
        response = self.exit_stack.enter_context(
            self._transport.request(
                "POST", request_parameters.url, self._cancellation, json=request_parameters.json
            )
        )
        if response.status_code == _OK and stream:
            return self._lines(response.iter_bytes())
        with self._transport.reading(self._cancellation):
            body = response.read()
        self._last_seen = response.text
        if response.status_code != _OK:
            failure = failure_of_answer(response.status_code, response.text, self._transport.host)
            try:
                response.raise_for_status()
            except httpx.HTTPStatusError as error:
                raise failure from error
            raise failure
        return body

    def _lines(self, chunks: Iterable[bytes]) -> Iterator[str]:
        """Splits at line feeds only: JSON text may hold what else counts as a line's end."""
        pending = b""
        with self._transport.reading(self._cancellation):
            for chunk in chunks:
                *lines, pending = (pending + chunk).split(b"\n")
                for line in lines:
                    self._last_seen = line.decode().strip()
                    # Servers before TGI 2.1 leave out the space, which the library wants here.
                    yield "data: [DONE]" if self._last_seen == "data:[DONE]" else self._last_seen

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
        except (ValueError, TypeError, AttributeError, LookupError) as error:
            raise TgiBadAnswerError(
                f"TGI at {self._transport.host} answered {_OK}: {self._last_seen[:_EXCERPT]}"
            ) from error


def _text(value: Any) -> str:
    """Checks that a value is text that can be encoded.

    Raises:
        TypeError, ValueError: if it is not.
    """
    if not isinstance(value, str):
        raise TypeError("no text where text is expected")
    value.encode()
    return value


def _details(reported: Any) -> dict[str, Any] | None:
    """Returns TGI's details as plain JSON, without what the library adds to them as ``None``."""
    if reported is None:
        return None
    return {
        name: value
        for name, value in asdict(reported).items()
        if value is not None or name not in _OPTIONAL_DETAILS
    }


def _chat_details(reason: str | None, usage: Any) -> dict[str, Any]:
    details: dict[str, Any] = {"finish_reason": reason}
    if usage is not None:
        counts = asdict(usage)
        details |= {"generated_tokens": counts["completion_tokens"], "usage": counts}
    return details


def _require_end(complete: bool) -> None:
    """The library takes a stream that was cut off for a complete one."""
    if not complete:
        raise TgiGenerationError("Incomplete generation: the stream ended before its last event")
