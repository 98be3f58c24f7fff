"""The HTTP routes, and the errors that happen before a route's own code runs."""

import json
from collections import Counter
from collections.abc import Callable, Iterator
from typing import Any

from flask import Blueprint, Flask, Response, jsonify, request
from flask.json.provider import DefaultJSONProvider
from werkzeug.exceptions import HTTPException, RequestEntityTooLarge

from test.support.mock_tgi import chat, native
from test.support.mock_tgi.exchange import Exchange, Slots
from test.support.mock_tgi.failures import TgiFailure
from test.support.mock_tgi.parameters import WrongShapeError
from test.support.mock_tgi.scripting import Behaviour, Recorded, Script
from test.support.mock_tgi.settings import Settings
from test.support.mock_tgi.sse import stream_headers

RECORDED = "mock_tgi.recorded"
"""Key of the request's record in the WSGI environment."""
_OPEN_PATHS = frozenset({"/health", "/ping", "/info", "/v1/models", "/metrics"})


class _PlainRefusalError(Exception):
    """A refusal that is not JSON, because it comes from the framework TGI is written in."""

    def __init__(self, status: int, text: str) -> None:
        self.status = status
        self.text = text


class _ServerJSON(DefaultJSONProvider):
    """JSON as TGI writes it: fields in the server's order, nothing escaped without need."""

    ensure_ascii = False
    sort_keys = False


def create_app(settings: Settings, script: Script) -> Flask:
    """Builds the server's application around its script."""
    app = Flask("mock_tgi")
    # A scripted broken connection must reach the web server as the exception it is.
    app.config.update(MAX_CONTENT_LENGTH=settings.payload_limit, PROPAGATE_EXCEPTIONS=True)
    app.json = _ServerJSON(app)
    counts: Counter[str] = Counter()
    _register_errors(app, counts)
    _register_gate(app, settings, script)
    app.register_blueprint(_generating_routes(settings, script, counts))
    app.register_blueprint(_information_routes(settings, script, counts))
    app.register_blueprint(_control_routes(script))
    return app


def _register_errors(app: Flask, counts: Counter[str]) -> None:
    @app.errorhandler(TgiFailure)
    def failed(failure: TgiFailure) -> tuple[Response, int]:
        counts[failure.error_type] += 1
        return jsonify(failure.as_json()), failure.status

    @app.errorhandler(WrongShapeError)
    def misshapen(error: WrongShapeError) -> Response:
        text = f"Failed to deserialize the JSON body into the target type: {error}"
        return Response(text, 422, content_type="text/plain; charset=utf-8")

    @app.errorhandler(_PlainRefusalError)
    def refused(error: _PlainRefusalError) -> Response:
        return Response(error.text, error.status, content_type="text/plain; charset=utf-8")

    @app.errorhandler(HTTPException)
    def unrouted(error: HTTPException) -> Response:
        response = error.get_response()
        response.set_data(
            "length limit exceeded" if isinstance(error, RequestEntityTooLarge) else ""
        )
        response.headers["Content-Type"] = "text/plain; charset=utf-8"
        return Response(response.get_data(), response.status, response.headers)


def _register_gate(app: Flask, settings: Settings, script: Script) -> None:
    @app.before_request
    def record() -> None:
        if request.path.startswith("/_mock/"):
            return
        body = request.get_data()
        recorded = Recorded(
            method=request.method,
            path=request.path,
            headers={name.lower(): value for name, value in request.headers},
            body=body,
            json=_json_or_none(body),
        )
        request.environ[RECORDED] = recorded
        script.record(recorded)

    @app.before_request
    def authorize() -> Response | None:
        if settings.api_key is None or _is_open(request.method, request.path):
            return None
        given = request.headers.get("Authorization", "")
        if given.lower() == f"bearer {settings.api_key}".lower():
            return None
        return Response("", 401)


def _is_open(method: str, path: str) -> bool:
    return path in _OPEN_PATHS or path.startswith("/_mock/") or (path == "/" and method == "GET")


def _generating_routes(settings: Settings, script: Script, counts: Counter[str]) -> Blueprint:
    routes = Blueprint("generating", __name__)
    slots = Slots(settings.max_concurrent_requests)

    def answered(body: dict[str, Any], work: Callable[[Exchange], Response]) -> Response:
        """Lets the script answer, or else does the work."""
        recorded: Recorded = request.environ[RECORDED]
        exchange = Exchange(request, recorded, script.next(), script, settings)
        counts["requests"] += 1
        if exchange.behaviour.status is not None or exchange.behaviour.drop:
            exchange.begin()
            return _scripted(exchange.behaviour)
        return work(exchange)

    def generate(*, echo_by_default: bool, listed: bool) -> Response:
        body = _json_body()

        def work(exchange: Exchange) -> Response:
            job = native.Job(body, echo_by_default=echo_by_default)
            generation = native.run_whole(job, exchange, slots)
            answer = native.whole_answer(job, generation)
            response = jsonify([answer] if listed else answer)
            response.headers.update(
                native.compute_headers(
                    generation.input_length, len(job.inputs), len(generation.best.tokens)
                )
            )
            return response

        return answered(body, work)

    def stream(*, echo_by_default: bool) -> Response:
        body = _json_body()

        def work(exchange: Exchange) -> Response:
            job = native.Job(body, echo_by_default=echo_by_default)
            characters = str(len(job.inputs))
            return _streaming(native.stream(job, exchange, slots), characters)

        return answered(body, work)

    @routes.post("/")
    def compat_root() -> Response:
        echo = settings.pipeline_tag in {None, "text-generation"}
        if _stream_wanted(_json_body()):
            return stream(echo_by_default=echo)
        return generate(echo_by_default=echo, listed=True)

    @routes.post("/generate")
    def generate_route() -> Response:
        return generate(echo_by_default=False, listed=False)

    @routes.post("/generate_stream")
    def generate_stream_route() -> Response:
        return stream(echo_by_default=False)

    @routes.post("/v1/chat/completions")
    def chat_route() -> Response:
        body = _json_body()

        def work(exchange: Exchange) -> Response:
            job = chat.Chat(body)
            if _stream_wanted(body):
                return _streaming(chat.stream(job, exchange, slots), str(len(job.templated)))
            answer = chat.whole_answer(job, exchange, slots)
            usage = answer["usage"]
            response = jsonify(answer)
            response.headers.update(
                native.compute_headers(
                    usage["prompt_tokens"], len(job.templated), usage["completion_tokens"]
                )
            )
            return response

        return answered(body, work)

    @routes.post("/tokenize")
    def tokenize_route() -> Response:
        return jsonify(native.tokenized(_json_body()))

    return routes


def _information_routes(settings: Settings, script: Script, counts: Counter[str]) -> Blueprint:
    routes = Blueprint("information", __name__)

    @routes.get("/")
    @routes.get("/health")
    @routes.get("/ping")
    def health() -> Response:
        if not script.healthy:
            raise TgiFailure("healthcheck", "unhealthy")
        return Response("", 200)

    @routes.get("/info")
    def info() -> Response:
        return jsonify(settings.as_info())

    @routes.get("/v1/models")
    def models() -> Response:
        model = {
            "id": settings.model_id,
            "object": "model",
            "created": 0,
            "owned_by": settings.model_id,
        }
        return jsonify({"object": "list", "data": [model]})

    @routes.get("/metrics")
    def metrics() -> Response:
        failures = {name: count for name, count in counts.items() if name != "requests"}
        lines = [
            f"tgi_request_count {counts['requests']}",
            f"tgi_request_success {counts['requests'] - sum(failures.values())}",
            *(f'tgi_request_failure{{err="{name}"}} {count}' for name, count in failures.items()),
        ]
        return Response("\n".join(lines) + "\n", content_type="text/plain; version=0.0.4")

    return routes


def _control_routes(script: Script) -> Blueprint:
    """Routes no TGI server has: how another process scripts this one."""
    routes = Blueprint("control", __name__, url_prefix="/_mock")

    @routes.post("/script")
    def set_script() -> tuple[Response, int]:
        body = request.get_json()
        try:
            behaviours = [Behaviour.from_json(value) for value in body.get("behaviours", [])]
            standing = body.get("always")
            if standing is not None:
                script.always(Behaviour.from_json(standing))
        except (TypeError, ValueError) as error:
            return jsonify({"error": str(error)}), 400
        script.extend(behaviours)
        script.healthy = body.get("healthy", script.healthy)
        return jsonify({"queued": len(behaviours)}), 200

    @routes.get("/requests")
    def requests() -> Response:
        return jsonify([recorded.as_json() for recorded in script.requests])

    @routes.post("/release")
    def release() -> Response:
        script.release()
        return jsonify({})

    @routes.post("/reset")
    def reset() -> Response:
        script.reset()
        return jsonify({})

    return routes


def _json_or_none(body: bytes) -> Any:
    try:
        return json.loads(body)
    except (ValueError, RecursionError):
        return None


def _json_body() -> dict[str, Any]:
    """Reads the body the way TGI's framework does.

    Raises:
        WrongShapeError: if it is JSON but no object.
    """
    if not request.is_json:
        raise _PlainRefusalError(415, "Expected request with `Content-Type: application/json`")
    try:
        body = json.loads(request.get_data())
        json.dumps(body, ensure_ascii=False).encode()  # a lone surrogate is no text to TGI
    except (ValueError, RecursionError) as error:
        raise _PlainRefusalError(
            400, f"Failed to parse the request body as JSON: {error}"
        ) from None
    if not isinstance(body, dict):
        raise WrongShapeError("invalid type, expected a map")
    return body


def _stream_wanted(body: dict[str, Any]) -> bool:
    wanted = body.get("stream", False)
    if not isinstance(wanted, bool):
        raise WrongShapeError("stream: invalid type, expected a boolean")
    return wanted


def _streaming(events: Iterator[bytes], characters: str) -> Response:
    headers = stream_headers()
    headers["x-compute-type"] = "cpu+mock"
    headers["x-compute-characters"] = characters
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
