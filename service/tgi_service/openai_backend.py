"""Text from a server that speaks the OpenAI-compatible API, such as vLLM, llama.cpp or Ollama."""

from collections.abc import Generator, Mapping, Sequence
from typing import Any
from urllib.parse import urlsplit, urlunsplit

from tgi_service.backend import Generated, StreamItem
from tgi_service.call import Cancellation
from tgi_service.hub_client import OK, HubClient, continue_chat, stream_chat
from tgi_service.parameters import NOT_FOR_OPENAI, for_openai
from tgi_service.transport import Transport

_CHAT, _VERSION = "/chat/completions", "/v1"


class OpenAiBackend:
    """One such server. A prompt is a chat of one message. Safe to use from several threads.

    Args:
        server_url: with or without ``/v1`` and ``/chat/completions`` at its end.
        model: name under which the server knows the model.
    """

    not_for_prompts = NOT_FOR_OPENAI
    not_for_streams = NOT_FOR_OPENAI
    not_for_chats = NOT_FOR_OPENAI

    def __init__(self, server_url: str, transport: Transport, model: str) -> None:
        self._transport = transport
        self._model = model
        self._url = server_url
        url = urlsplit(server_url)
        base_path = url.path.rstrip("/").removesuffix(_CHAT).removesuffix(_VERSION)
        self._models_url = urlunsplit(url._replace(path=f"{base_path}{_VERSION}/models"))

    def generate(
        self, prompt: str, parameters: Mapping[str, Any], cancellation: Cancellation
    ) -> Generated:
        """Asks for a whole answer, once; see :meth:`Backend.generate`."""
        return self.chat(_as_chat(prompt), parameters, cancellation)

    def stream(
        self, prompt: str, parameters: Mapping[str, Any], cancellation: Cancellation
    ) -> Generator[StreamItem, None, None]:
        """Asks for an answer token by token, once; see :meth:`Backend.stream`."""
        return self.stream_chat(_as_chat(prompt), parameters, cancellation)

    def chat(
        self,
        messages: Sequence[Mapping[str, Any]],
        parameters: Mapping[str, Any],
        cancellation: Cancellation,
    ) -> Generated:
        """Continues a chat with one message; see :meth:`generate`."""
        options, own_fields = self._options(parameters)
        with HubClient(self._url, self._transport, cancellation, own_fields) as client:
            return continue_chat(client, messages, options)

    def stream_chat(
        self,
        messages: Sequence[Mapping[str, Any]],
        parameters: Mapping[str, Any],
        cancellation: Cancellation,
    ) -> Generator[StreamItem, None, None]:
        """Continues a chat token by token; see :meth:`stream`."""
        options, own_fields = self._options(parameters)
        with HubClient(self._url, self._transport, cancellation, own_fields) as client:
            yield from stream_chat(client, messages, options)

    def is_healthy(self, cancellation: Cancellation) -> bool:
        """Tells whether the list of models can be had: of all routes the one they share.

        Raises:
            InfernetMLException: if there is no answer.
        """
        with self._transport.request("GET", self._models_url, cancellation) as response:
            return response.status == OK

    def model_id(self, cancellation: Cancellation) -> str:
        """Returns the configured name; the server is not asked."""
        return self._model

    def close(self) -> None:
        """Closes the connections kept for later; see :meth:`Backend.close`."""
        self._transport.close()

    def _options(self, parameters: Mapping[str, Any]) -> tuple[dict[str, Any], dict[str, Any]]:
        """Returns options of the library, and what it would turn into a dialect of its own."""
        options = for_openai(parameters)
        name = "response_format"
        own_fields = {name: options.pop(name)} if name in options else {}
        return {**options, "model": self._model}, own_fields


def _as_chat(prompt: str) -> list[dict[str, str]]:
    return [{"role": "user", "content": prompt}]
