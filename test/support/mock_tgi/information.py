"""Routes that generate nothing: health, model, metrics, documentation."""

from typing import Any

from flask import Blueprint, Response, current_app, jsonify

from test.support.mock_tgi.failures import TgiFailure
from test.support.mock_tgi.metering import Meters
from test.support.mock_tgi.scripting import Script
from test.support.mock_tgi.settings import Settings

CONTROL_PREFIX = "/_mock"
"""Where routes begin that no TGI server has."""
_PAGE = """<!DOCTYPE html>
<html lang="en"><head><title>mock TGI</title></head>
<body><p>The routes are described in <a href="/api-doc/openapi.json">openapi.json</a>.</p></body>
</html>
"""


def information_routes(settings: Settings, script: Script, meters: Meters) -> Blueprint:
    """Builds the routes that need no key."""
    routes = Blueprint("information", __name__)

    @routes.get("/")
    @routes.get("/health")
    @routes.get("/ping")
    def health() -> Response:
        if not script.check_health():
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
        return Response(meters.render(), content_type="text/plain; version=0.0.4")

    @routes.get("/docs")
    def docs() -> Response:
        return Response(_PAGE, content_type="text/html; charset=utf-8")

    @routes.get("/api-doc/openapi.json")
    def openapi() -> Response:
        return jsonify(_description(settings))

    return routes


def _description(settings: Settings) -> dict[str, Any]:
    """Lists the routes of the application that is answering."""
    paths: dict[str, dict[str, Any]] = {}
    for rule in current_app.url_map.iter_rules():
        if rule.rule.startswith(CONTROL_PREFIX):
            continue
        for method in sorted((rule.methods or set()) & {"GET", "POST"}):
            operation = {"responses": {"200": {"description": "as TGI answers"}}}
            paths.setdefault(rule.rule, {})[method.lower()] = operation
    return {
        "openapi": "3.0.3",
        "info": {"title": "Text Generation Inference, mocked", "version": settings.version},
        "paths": paths,
    }
