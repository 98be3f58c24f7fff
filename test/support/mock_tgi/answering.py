"""Answers of the generating routes: the script's, or generated ones."""

import json
from collections.abc import Callable, Iterator, Mapping
from typing import Any

from flask import Response, jsonify, request

from test.support.mock_tgi import chat, completions, native
from test.support.mock_tgi.bodies import stream_wanted
from test.support.mock_tgi.exchange import Exchange, Slots
from test.support.mock_tgi.metering import Meters
from test.support.mock_tgi.parameters import WrongShapeError
from test.support.mock_tgi.scripting import Behaviour, Recorded, Script
from test.support.mock_tgi.settings import Settings
from test.support.mock_tgi.sse import stream_headers

RECORDED = "mock_tgi.recorded"
"""Key of the request's record in the WSGI environment."""


class Answering:
    """What several routes answer alike. Bodies are objects; the caller has seen to that."""

    def __init__(self, settings: Settings, script: Script, meters: Meters) -> None:
        self._settings = settings
        self._script = script
        self._meters = meters
        self._slots = Slots(settings.max_concurrent_requests)

    def generate(
        self, body: dict[str, Any], *, echo_by_default: bool = False, listed: bool = False
    ) -> Response:
        """Answers a prompt in one piece; ``listed`` puts that into a list of one."""

        def work(exchange: Exchange) -> Response:
            job = native.Job(body, echo_by_default=echo_by_default)
            generation = native.run_whole(job, exchange, self._slots)
            answer = native.whole_answer(job, generation)
            return _sized(
                jsonify([answer] if listed else answer),
                generation.input_length,
                len(job.inputs),
                len(generation.best.tokens),
            )

        return self._answered(work)

    def generate_stream(self, body: dict[str, Any], *, echo_by_default: bool = False) -> Response:
        """Answers a prompt token by token."""

        def work(exchange: Exchange) -> Response:
            job = native.Job(body, echo_by_default=echo_by_default)
            return _streaming(native.stream(job, exchange, self._slots), len(job.inputs))

        return self._answered(work)

    def root(self, body: dict[str, Any]) -> Response:
        """Answers ``POST /``: streamed or not, and with the prompt in front for most models."""
        echo = self._settings.pipeline_tag in {None, "text-generation"}
        if stream_wanted(body):
            return self.generate_stream(body, echo_by_default=echo)
        return self.generate(body, echo_by_default=echo, listed=True)

    def chat(self, body: dict[str, Any]) -> Response:
        """Answers a chat, streamed or not."""

        def work(exchange: Exchange) -> Response:
            job = chat.Chat(body, self._settings)
            if stream_wanted(body):
                return _streaming(chat.stream(job, exchange, self._slots), len(job.templated))
            answer = chat.whole_answer(job, exchange, self._slots)
            return _sized_by_usage(answer, len(job.templated))

        return self._answered(work)

    def complete(self, body: dict[str, Any]) -> Response:
        """Answers one or more prompts in the OpenAI style, streamed or not."""

        def work(exchange: Exchange) -> Response:
            job = completions.Completion(body, self._settings)
            characters = sum(map(len, job.prompts))
            if stream_wanted(body):
                return _streaming(completions.stream(job, exchange, self._slots), characters)
            return _sized_by_usage(completions.whole_answer(job, exchange, self._slots), characters)

        return self._answered(work)

    def invoke(self, body: dict[str, Any]) -> Response:
        """Answers a body of any of the three forms, tried in TGI's order."""
        forms = {"inputs": self.root, "messages": self.chat, "prompt": self.complete}
        for field, answer in forms.items():
            if field in body:
                return answer(body)
        raise WrongShapeError("data did not match any variant of untagged enum SagemakerRequest")

    def predict(self, body: dict[str, Any]) -> Response:
        """Answers a batch of prompts and chats with a list of texts."""
        instances = body.get("instances")
        if not isinstance(instances, list):
            raise WrongShapeError("missing field `instances`")

        def work(exchange: Exchange) -> Response:
            return jsonify({"predictions": [self._predict(item, exchange) for item in instances]})

        return self._answered(work)

    def tokenize_chat(self, body: dict[str, Any]) -> Response:
        """Answers with a chat as the model would see it, and its tokens."""
        templated = chat.Chat(body, self._settings).templated
        tokens = native.tokenized({"inputs": templated})
        return jsonify({"tokenize_response": tokens, "templated_text": templated})

    def _predict(self, instance: Any, exchange: Exchange) -> str:
        if not isinstance(instance, Mapping):
            raise WrongShapeError("instances: invalid type, expected a map")
        if "messages" in instance:
            answer = chat.whole_answer(chat.Chat(instance, self._settings), exchange, self._slots)
            return str(answer["choices"][0]["message"].get("content", ""))
        job = native.Job(instance, echo_by_default=False)
        return job.text_of(native.run_whole(job, exchange, self._slots).best)

    def _answered(self, work: Callable[[Exchange], Response]) -> Response:
        """Lets the script answer, or else does the work."""
        recorded: Recorded = request.environ[RECORDED]
        exchange = Exchange(
            request, recorded, self._script.next(), self._script, self._settings, self._meters
        )
        self._meters.began()
        if exchange.behaviour.status is not None or exchange.behaviour.drop:
            exchange.begin()
            if exchange.behaviour.breaks_generation:
                self._script.generation_broke()
            return _scripted(exchange.behaviour)
        return work(exchange)


def _sized(response: Response, input_length: int, characters: int, generated: int) -> Response:
    response.headers.update(native.compute_headers(input_length, characters, generated))
    return response


def _sized_by_usage(answer: dict[str, Any], characters: int) -> Response:
    usage = answer["usage"]
    return _sized(jsonify(answer), usage["prompt_tokens"], characters, usage["completion_tokens"])


def _streaming(events: Iterator[bytes], characters: int) -> Response:
    headers = stream_headers()
    headers["x-compute-type"] = "cpu+mock"
    headers["x-compute-characters"] = str(characters)
    return Response(events, headers=headers)


def _scripted(behaviour: Behaviour) -> Response:
    if isinstance(behaviour.body, str):
        kind = "text/html" if behaviour.body.startswith("<") else "text/plain"
        response = Response(behaviour.body, content_type=f"{kind}; charset=utf-8")
    else:
        response = Response(json.dumps(behaviour.body), content_type="application/json")
    response.status_code = behaviour.status or 200
    response.headers.update(behaviour.headers)
    return response
