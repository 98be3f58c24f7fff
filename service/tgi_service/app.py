"""The HTTP routes of the service."""

import logging
import math
import socket
import traceback
from contextlib import ExitStack
from http import HTTPStatus
from importlib.metadata import version
from typing import Any

from flask import Flask, Response, jsonify, request
from gunicorn.http.errors import NoMoreData, ParseException  # type: ignore[import-untyped]
from werkzeug.exceptions import HTTPException, RequestEntityTooLarge

from tgi_service.call import Cancellation
from tgi_service.errors import InfernetMLException, ServiceException, TooManyJobsError
from tgi_service.jobs import Desk, Job
from tgi_service.logs import fields
from tgi_service.metrics import CONTENT_TYPE
from tgi_service.readiness import Readiness
from tgi_service.resources import service_resources
from tgi_service.slots import LARGE_BODY
from tgi_service.streaming import StreamBody

log = logging.getLogger(__name__)
VERSION = version("infernet-tgi")
GREETING = "Lightweight TGI Client Inference Service"
OVERSEER = "tgi_service.overseer"
"""Key of the worker's :class:`Overseer` among the application's extensions."""
_LONGEST_ID = 64
_PIECE = 64 * 1024


def create_app(desk: Desk) -> Flask:
    """Builds the application around a workflow that is set up."""
    app = Flask("tgi_service", static_folder=None)
    app.config["MAX_CONTENT_LENGTH"] = desk.settings.max_content_length
    app.extensions[OVERSEER] = desk.overseer
    _register_errors(app, desk)
    _register_job(app, desk)
    _register_health(app, desk)
    _register_resources(app, desk)
    return app


def _register_job(app: Flask, desk: Desk) -> None:
    @app.post("/service_output")
    def service_output() -> Response:
        with ExitStack() as held:
            body = _read_body(desk, held)
            job = Job(desk, _job_id(), _caller())
            answer = job.run(body, is_json=request.is_json)
            if not isinstance(answer, StreamBody):
                return jsonify(answer)
            response = Response(
                answer,
                content_type="text/plain; charset=utf-8",
                # Proxies must pass on each token as it comes.
                headers={"Cache-Control": "no-cache", "X-Accel-Buffering": "no"},
            )
            response.call_on_close(held.pop_all().close)
            return response


def _register_health(app: Flask, desk: Desk) -> None:
    readiness = Readiness(desk.workflow.backend, desk.overseer, desk.clock)

    @app.get("/")
    def index() -> Response:
        return jsonify({"message": GREETING})

    @app.get("/health")
    def health() -> Response:
        return jsonify({"status": "healthy"})

    @app.get("/ready")
    def ready() -> Response | tuple[Response, int]:
        try:
            readiness.check()
        except InfernetMLException as error:
            return _error(HTTPStatus.SERVICE_UNAVAILABLE, str(error))
        return jsonify({"status": "ready"})

    @app.get("/metrics")
    def metrics() -> Response:
        return Response(desk.metrics.render(), content_type=CONTENT_TYPE)


def _register_resources(app: Flask, desk: Desk) -> None:
    def served_model() -> str:
        return desk.workflow.backend.model_id(Cancellation(desk.clock))

    @app.get("/service-resources")
    def resources() -> Response:
        asked = request.args.get("model_id")
        advertises = desk.settings.advertise_model
        try:
            models = [served_model()] if advertises else []
        except InfernetMLException as error:
            if asked:
                return jsonify({"supported": False, "error": str(error)})
            models = []
        if asked:
            return jsonify({"supported": asked in models})
        return jsonify(service_resources(VERSION, models))


def _register_errors(app: Flask, desk: Desk) -> None:
    @app.errorhandler(ServiceException)
    def refused(error: ServiceException) -> tuple[Response, int]:
        response, status = _error(error.status, str(error))
        if error.retry_after is not None:
            response.headers["Retry-After"] = str(max(1, math.ceil(error.retry_after)))
        return response, status

    @app.errorhandler(HTTPException)
    def unrouted(error: HTTPException) -> tuple[Response, int]:
        response, status = _error(HTTPStatus(error.code or 500), error.description or "")
        allowed = error.get_response().headers.get("Allow")
        if allowed is not None:
            response.headers["Allow"] = allowed
        return response, status

    @app.errorhandler(NoMoreData)
    @app.errorhandler(ParseException)
    def no_http(_cause: Exception) -> tuple[Response, int]:
        return _error(HTTPStatus.BAD_REQUEST, "the chunks of the body are not those of HTTP")

    @app.errorhandler(Exception)
    def unexpected(error: Exception) -> tuple[Response, int]:
        # An error nobody foresaw may quote anything, so its text is treated as a prompt is.
        log.error(
            "unexpected_error",
            extra=fields(
                error=type(error).__name__,
                reason=str(error) if desk.settings.log_prompts else None,
                trace="".join(traceback.format_tb(error.__traceback__)),
            ),
        )
        return _error(HTTPStatus.INTERNAL_SERVER_ERROR, "the service failed; its log says more")


def _error(status: HTTPStatus, description: str) -> tuple[Response, int]:
    return jsonify(error_content(status, description)), status.value


def error_content(status: HTTPStatus, description: str) -> dict[str, str]:
    """Returns the object that every error is reported as."""
    return {"code": str(status.value), "name": status.phrase, "description": description}


def _read_body(desk: Desk, held: ExitStack) -> bytes:
    """Reads the request's body.

    Args:
        held: gets what a large body holds until nobody needs it any more.

    Raises:
        HTTPException: if it is longer than the settings allow.
        TooManyJobsError: if it is large, and there are as many of these as there may be.
    """
    limit, length = desk.settings.max_content_length, request.content_length
    if length is not None:
        if LARGE_BODY < length <= limit:
            _make_room(desk, held)
        return request.get_data(cache=False)
    # Flask would cut a body of unknown length at the limit and say nothing.
    unread = request.environ["wsgi.input"]
    body: bytes = unread.read(min(LARGE_BODY, limit) + 1)
    if LARGE_BODY < len(body) <= limit:
        _make_room(desk, held)
        body += unread.read(limit + 1 - len(body))
    if len(body) > limit:
        raise RequestEntityTooLarge
    return body


def _make_room(desk: Desk, held: ExitStack) -> None:
    try:
        held.enter_context(desk.large_bodies.one())
    except TooManyJobsError:
        # With much of it unread, the caller's connection would be closed: reading costs no memory.
        unread = request.environ["wsgi.input"]
        for _ in range(0, desk.settings.max_content_length, _PIECE):
            if not unread.read(_PIECE):
                break
        raise


def _job_id() -> str | None:
    given = request.headers.get("X-Request-ID", "")
    return given[:_LONGEST_ID] if given.isprintable() and given else None


def _caller() -> socket.socket | None:
    """Returns the connection to the caller, where the web server gives access to it."""
    environ: dict[str, Any] = request.environ
    connection = environ.get("gunicorn.socket") or environ.get("werkzeug.socket")
    return connection if isinstance(connection, socket.socket) else None
