"""The HTTP routes, and the errors that happen before a route's own code runs."""

from typing import Any, cast

from flask import Blueprint, Flask, Response, jsonify, request
from flask.json.provider import DefaultJSONProvider
from werkzeug.exceptions import HTTPException, RequestEntityTooLarge

from test.support.mock_tgi import native
from test.support.mock_tgi.answering import RECORDED, Answering
from test.support.mock_tgi.bodies import PlainRefusalError, json_body, json_or_none
from test.support.mock_tgi.failures import TgiFailure
from test.support.mock_tgi.information import CONTROL_PREFIX, information_routes
from test.support.mock_tgi.metering import Meters
from test.support.mock_tgi.parameters import WrongShapeError
from test.support.mock_tgi.scripting import Behaviour, Recorded, Script
from test.support.mock_tgi.settings import Settings

_OPEN_PATHS = frozenset(
    {
        "/api-doc/openapi.json",
        "/chat_tokenize",
        "/docs",
        "/health",
        "/info",
        "/metrics",
        "/ping",
        "/v1/models",
    }
)


class _ServerJSON(DefaultJSONProvider):
    """JSON as TGI writes it: fields in the server's order, nothing escaped without need."""

    ensure_ascii = False
    sort_keys = False
    compact = True

    def response(self, *args: Any, **kwargs: Any) -> Response:
        answer = cast(Response, super().response(*args, **kwargs))
        answer.set_data(answer.get_data().rstrip(b"\n"))
        return answer


def create_app(settings: Settings, script: Script) -> Flask:
    """Builds the server's application around its script."""
    app = Flask("mock_tgi")
    # A scripted broken connection must reach the web server as the exception it is.
    app.config.update(MAX_CONTENT_LENGTH=settings.payload_limit, PROPAGATE_EXCEPTIONS=True)
    app.json = _ServerJSON(app)
    meters = Meters()
    _register_errors(app, meters)
    _register_gate(app, settings, script)
    _register_cors(app)
    app.register_blueprint(_generating_routes(Answering(settings, script, meters)))
    app.register_blueprint(information_routes(settings, script, meters))
    app.register_blueprint(_control_routes(script))
    return app


def _register_errors(app: Flask, meters: Meters) -> None:
    @app.errorhandler(TgiFailure)
    def failed(failure: TgiFailure) -> tuple[Response, int]:
        meters.failed(failure.error_type)
        return jsonify(failure.as_json()), failure.status

    @app.errorhandler(WrongShapeError)
    def misshapen(error: WrongShapeError) -> Response:
        text = f"Failed to deserialize the JSON body into the target type: {error}"
        return Response(text, 422, content_type="text/plain; charset=utf-8")

    @app.errorhandler(PlainRefusalError)
    def refused(error: PlainRefusalError) -> Response:
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
        if request.path.startswith(CONTROL_PREFIX):
            return
        body = request.get_data()
        recorded = Recorded(
            method=request.method,
            path=request.path,
            headers={name.lower(): value for name, value in request.headers},
            body=body,
            json=json_or_none(body),
            caller_port=int(request.environ["REMOTE_PORT"]),
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
    return (
        path in _OPEN_PATHS or path.startswith(CONTROL_PREFIX) or (path == "/" and method == "GET")
    )


def _register_cors(app: Flask) -> None:
    """Any page may call, as long as TGI is not told otherwise."""

    @app.before_request
    def preflight() -> Response | None:
        if request.method != "OPTIONS":
            return None
        response = Response("", 200)
        response.headers["Access-Control-Allow-Methods"] = "GET,POST"
        response.headers["Access-Control-Allow-Headers"] = "content-type"
        return response

    @app.after_request
    def allow(response: Response) -> Response:
        response.headers["Access-Control-Allow-Origin"] = "*"
        return response


def _generating_routes(answering: Answering) -> Blueprint:
    routes = Blueprint("generating", __name__)

    @routes.post("/")
    def compat_root() -> Response:
        return answering.root(json_body(request))

    @routes.post("/generate")
    def generate() -> Response:
        return answering.generate(json_body(request))

    @routes.post("/generate_stream")
    def generate_stream() -> Response:
        return answering.generate_stream(json_body(request))

    @routes.post("/v1/chat/completions")
    def chat() -> Response:
        return answering.chat(json_body(request))

    @routes.post("/v1/completions")
    def completions() -> Response:
        return answering.complete(json_body(request))

    @routes.post("/invocations")
    def invocations() -> Response:
        return answering.invoke(json_body(request))

    @routes.post("/vertex")
    def vertex() -> Response:
        return answering.predict(json_body(request))

    @routes.post("/tokenize")
    def tokenize() -> Response:
        return jsonify(native.tokenized(json_body(request)))

    @routes.post("/chat_tokenize")
    def chat_tokenize() -> Response:
        return answering.tokenize_chat(json_body(request))

    return routes


def _control_routes(script: Script) -> Blueprint:
    """Routes no TGI server has: how another process scripts this one."""
    routes = Blueprint("control", __name__, url_prefix=CONTROL_PREFIX)

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
