"""Text from a TGI server, by its own routes."""

import json
from collections.abc import Generator, Mapping, Sequence
from dataclasses import asdict
from typing import Any
from urllib.parse import urlsplit, urlunsplit

from tgi_service.backend import Generated, StreamItem, Token
from tgi_service.call import Cancellation
from tgi_service.errors import TgiBadAnswerError
from tgi_service.hub_client import (
    EXCERPT,
    OK,
    UNREADABLE,
    HubClient,
    continue_chat,
    encodable,
    require_end,
    stream_chat,
)
from tgi_service.parameters import NOT_FOR_CHATS, NOT_FOR_STREAMS, for_chat
from tgi_service.transport import Transport

_PLAIN, _STREAMED = "/generate", "/generate_stream"
_OPTIONAL_DETAILS = frozenset({"best_of_sequences", "input_length", "top_tokens"})


class TgiBackend:
    """One TGI server. Safe to use from several threads at once.

    Args:
        server_url: where prompts are posted. If it ends in ``/generate``, streams are asked
            for at ``/generate_stream``; other routes are appended to it without that ending.
    """

    not_for_prompts: frozenset[str] = frozenset()
    not_for_streams = NOT_FOR_STREAMS
    not_for_chats = NOT_FOR_CHATS

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
        # Asked for details, the library would make an object of each token, for us to undo.
        sent = {name: value for name, value in parameters.items() if value is not None}
        client = HubClient(self._plain_url, self._transport, cancellation, {"parameters": sent})
        with client, client.expecting_text():
            text = encodable(client.text_generation(prompt, stream=False))
            return Generated(text, client.details())

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
                    Token(encodable(event.token.text), bool(event.token.special)),
                    event.generated_text,
                    _details(event.details),
                )
                yield item
            require_end(item is not None and item.generated_text is not None)

    def chat(
        self,
        messages: Sequence[Mapping[str, Any]],
        parameters: Mapping[str, Any],
        cancellation: Cancellation,
    ) -> Generated:
        """Continues a chat with one message; see :meth:`generate`."""
        with self._client(self._base_url, cancellation) as client:
            return continue_chat(client, messages, for_chat(parameters))

    def stream_chat(
        self,
        messages: Sequence[Mapping[str, Any]],
        parameters: Mapping[str, Any],
        cancellation: Cancellation,
    ) -> Generator[StreamItem, None, None]:
        """Continues a chat token by token; see :meth:`stream`."""
        with self._client(self._base_url, cancellation) as client:
            yield from stream_chat(client, messages, for_chat(parameters))

    def is_healthy(self, cancellation: Cancellation) -> bool:
        """Tells whether ``/health`` answers 200.

        Raises:
            InfernetMLException: if there is no answer.
        """
        with self._transport.request("GET", self._route("/health"), cancellation) as response:
            return response.status == OK

    def model_id(self, cancellation: Cancellation) -> str:
        """Returns the name of the model that ``/info`` reports.

        Raises:
            InfernetMLException: if there is no such answer.
        """
        with self._transport.request("GET", self._route("/info"), cancellation) as response:
            with self._transport.reading(cancellation):
                text = response.beginning().decode(errors="replace")
            try:
                return str(json.loads(text)["model_id"])
            except UNREADABLE as error:
                raise TgiBadAnswerError(
                    f"{self._transport.server} answered {response.status} to /info: "
                    f"{text[:EXCERPT]}"
                ) from error

    def close(self) -> None:
        """Closes the connections kept for later; see :meth:`Backend.close`."""
        self._transport.close()

    def _client(self, url: str, cancellation: Cancellation) -> HubClient:
        return HubClient(url, self._transport, cancellation)

    def _route(self, path: str) -> str:
        return self._base_url.rstrip("/") + path


def _details(reported: Any) -> dict[str, Any] | None:
    """Returns TGI's details as plain JSON, without what the library adds to them as ``None``."""
    if reported is None:
        return None
    return {
        name: value
        for name, value in asdict(reported).items()
        if value is not None or name not in _OPTIONAL_DETAILS
    }
