"""The workflow: backend, preprocessing and postprocessing of text generation by TGI."""

import logging
import random
import threading
import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from typing import Any, TypeVar

from pydantic import BaseModel

from tgi_service import parameters as generation
from tgi_service import workflow_args as args
from tgi_service.backend import Backend, Generated, StreamItem, TokenStream
from tgi_service.backends import TGI, connect
from tgi_service.call import Call, current_call
from tgi_service.errors import ConfigurationError, InfernetMLException, InvalidRequestError
from tgi_service.logs import fields
from tgi_service.retries import retry

Answer = TypeVar("Answer")
log = logging.getLogger(__name__)
_PROBE = "hello"


class TgiInferenceRequest(BaseModel):
    """What a workflow is asked: a prompt."""

    text: str


class TGIClientInferenceWorkflow:
    """Asks one TGI server for text. Subclasses override the hooks, whose names begin ``do_``.

    Several threads may use one object at once.

    Args:
        server_url: where prompts are posted, ``http(s)://host[:port][/path]``; or a list of
            such servers, which take turns.
        timeout: seconds to wait for a connection, and for each further sign of life.
        headers: sent with every request.
        cookies: sent with every request.
        backend: ``tgi``, or ``openai`` for a server of the OpenAI-compatible API.
        model: name under which the server knows its model; ``openai`` only.
        max_answer_bytes: greatest answer of the server, streamed or not, as it is sent.
        retry_params: any of ``tries``, ``delay``, ``max_delay``, ``backoff``, ``jitter``.
        inference_params: generation parameters of every request, such as ``temperature``.

    Raises:
        ConfigurationError: if an argument is not valid; a ``ValueError``.
    """

    def __init__(
        self,
        server_url: str | Sequence[str],
        timeout: float | None = args.DEFAULT_TIMEOUT,
        headers: Mapping[str, str] | None = None,
        cookies: Mapping[str, str] | None = None,
        retry_params: Mapping[str, Any] | None = None,
        *,
        backend: str = TGI,
        model: str | None = None,
        max_answer_bytes: int = args.DEFAULT_MAX_ANSWER_BYTES,
        **inference_params: Any,
    ) -> None:
        self.backend: Backend = connect(
            args.read_server_urls(server_url),
            timeout=args.read_timeout(timeout),
            headers=args.read_headers(headers),
            cookies=args.read_cookies(cookies),
            max_answer_bytes=args.read_max_answer_bytes(max_answer_bytes),
            kind=backend,
            model=model,
        )
        self.retry_policy = args.retry_policy(args.read_retry_params(retry_params))
        try:
            self.inference_params = generation.read_parameters(inference_params)
        except ValueError as error:
            raise ConfigurationError(str(error)) from None
        for name in generation.set_names(self.inference_params) & self.backend.not_for_prompts:
            raise ConfigurationError(f"{name} has no counterpart in the API of this backend")
        left_out = sorted(self.inference_params.keys() & self.backend.not_for_streams)
        if left_out:
            log.warning("left_out_of_streams", extra=fields(parameters=left_out))
        # Without state: worker processes that inherit this must not draw the same numbers.
        self._jitter = random.SystemRandom()
        self._is_set_up = False
        self._counting = threading.Lock()
        self._inferences = 0
        self._proofs = 0

    def setup(self) -> bool:
        """Makes the object ready, and finds out whether TGI accepts the configuration.

        Raises:
            InfernetMLException: if TGI does not answer.
        """
        self._is_set_up = True
        self.do_setup()
        return True

    def do_setup(self) -> None:
        """Hook of :meth:`setup`: has one token generated."""
        call = current_call()
        self._generate(_PROBE, {**self._prompt_parameters(call), "max_new_tokens": 1}, call)

    def inference(self, request: TgiInferenceRequest, log_preprocessed_data: bool = True) -> str:
        """Answers a request.

        Args:
            log_preprocessed_data: whether the prompt may be written to the log.

        Raises:
            ValueError: if :meth:`setup` was not called.
            InfernetMLException: if TGI does not answer; also a ``ServiceException``.
        """
        self._require_setup("inference")
        prompt = self.do_preprocessing(request)
        if log_preprocessed_data:
            log.info("prompt", extra=fields(prompt=current_call().messages or prompt))
        text = self.do_postprocessing(request, self.do_run_model(prompt))
        with self._counting:
            self._inferences += 1
        return text

    def do_preprocessing(self, request: TgiInferenceRequest) -> str:
        """Hook: returns the prompt for a request."""
        return request.text

    def do_run_model(self, prompt: str) -> str:
        """Hook: returns the generated text for a prompt.

        Raises:
            InfernetMLException: if TGI does not answer.
        """
        call = current_call()
        if call.messages:
            chat = self._parameters(call, self.backend.not_for_chats, "a chat")
            return self._ask(
                call, lambda: self.backend.chat(call.messages, chat, call.cancellation)
            )
        return self._generate(prompt, self._prompt_parameters(call), call)

    def do_postprocessing(self, request: TgiInferenceRequest, text: str) -> str:
        """Hook: returns the answer for a generated text."""
        return text

    def stream(self, request: TgiInferenceRequest) -> Iterator[StreamItem]:
        """Answers a request token by token. The first token is there when this returns.

        Raises:
            ValueError: if :meth:`setup` was not called.
            InfernetMLException: if TGI does not answer; while iterating, if it breaks off.
        """
        self._require_setup("stream")
        return self.do_stream(self.do_preprocessing(request))

    def do_stream(self, prompt: str) -> Iterator[StreamItem]:
        """Hook: returns the tokens for a prompt.

        Raises:
            InfernetMLException: if TGI does not answer.
        """
        call = current_call()
        if call.messages:
            chat = self._parameters(call, self.backend.not_for_chats, "a chat")

            def attempt() -> TokenStream:
                return TokenStream(self.backend.stream_chat(call.messages, chat, call.cancellation))
        else:
            native = self._parameters(call, self.backend.not_for_streams, "a stream")

            def attempt() -> TokenStream:
                return TokenStream(self.backend.stream(prompt, native, call.cancellation))

        return self._retrying(call, attempt)

    def generate_proof(self) -> Any:
        """Would prove an inference.

        Raises:
            NotImplementedError: always, unless a subclass overrides :meth:`do_generate_proof`.
        """
        with self._counting:
            if self._inferences <= self._proofs:
                log.warning("no_inference_to_prove", extra=fields(inferences=self._inferences))
            self._proofs += 1
        return self.do_generate_proof()

    def do_generate_proof(self) -> Any:
        """Hook of :meth:`generate_proof`."""
        raise NotImplementedError("there are no proofs for text generated by TGI")

    def _require_setup(self, step: str) -> None:
        if not self._is_set_up:
            raise ValueError(f"setup not called before {step}")

    def _parameters(self, call: Call, excluded: frozenset[str], kind: str) -> dict[str, Any]:
        """Lays the parameters of a call over the configured ones.

        Configured parameters that this kind of call cannot have are left out; those that the
        call itself asks for are refused.
        """
        for name, value in call.parameters.items():
            if name in excluded and value is not None:
                raise InvalidRequestError(f"data.parameters: {name} cannot be used for {kind}")
        merged = generation.merge(generation.DEFAULTS, self.inference_params, call.parameters)
        # Left out, it would mean true to TGI: the answer would begin with the prompt.
        merged.setdefault("return_full_text", False)
        return {name: value for name, value in merged.items() if name not in excluded}

    def _prompt_parameters(self, call: Call) -> dict[str, Any]:
        return self._parameters(call, self.backend.not_for_prompts, "this backend")

    def _generate(self, prompt: str, parameters: Mapping[str, Any], call: Call) -> str:
        return self._ask(call, lambda: self.backend.generate(prompt, parameters, call.cancellation))

    def _ask(self, call: Call, attempt: Callable[[], Generated]) -> str:
        generated = self._retrying(call, attempt)
        call.details = generated.details
        return generated.text

    def _retrying(self, call: Call, attempt: Callable[[], Answer]) -> Answer:
        def timed() -> Answer:
            call.attempts += 1
            started = time.monotonic()
            try:
                return attempt()
            except InfernetMLException as error:
                call.failures.append(type(error).__name__)
                raise
            finally:
                call.tgi_seconds += time.monotonic() - started

        return retry(
            timed,
            self.retry_policy,
            pause=call.cancellation.pause,
            on_retry=_log_retry,
            source=self._jitter,
        )


def _log_retry(error: InfernetMLException, attempt: int, wait: float) -> None:
    log.warning(
        "tgi_retry",
        extra=fields(error=type(error).__name__, reason=str(error), attempt=attempt, wait=wait),
    )
