"""The description of the REST interface, OpenAPI 3.1, for people and for tools."""

from collections.abc import Mapping
from functools import cache
from typing import Any

from starlette.requests import Request
from starlette.responses import Response

from infernet_node import __version__
from infernet_node.api.caller import Caller
from infernet_node.api.responses import json_response
from infernet_node.api.schemas import COMPONENTS, SECURITY, array_of, named

_NOTHING_MORE: dict[str, Any] = {}
_REFUSALS = {
    400: "The request is not of the right form; the text names the field and the fix.",
    401: "No API key, or an unknown one.",
    403: "This caller may not do this; or a page of another site asks for a change.",
    404: "There is no such job of the caller's.",
    405: "The rules of admission refuse the request.",
    408: "The body did not arrive in time.",
    409: "The request contradicts what is stored.",
    413: "The body is longer than the node reads.",
    415: "The body is compressed.",
    422: "The Idempotency-Key came with another request before.",
    429: "The caller asks too often; Retry-After says when to try again.",
    500: "The node failed; the cause is in its log.",
    503: "The node has no room or no running container; Retry-After says when to try again.",
}
_BODY = (400, 401, 405, 408, 413, 415, 429, 500, 503)


async def describe(request: Request, caller: Caller) -> Response:
    """``GET /openapi.json``: this description."""
    return json_response(document())


@cache
def document() -> dict[str, Any]:
    """Returns the whole description."""
    return {
        "openapi": "3.1.0",
        "info": {
            "title": "Infernet node",
            "version": __version__,
            "description": "Jobs for containers, by the wire formats of Infernet nodes 1.4.",
        },
        "paths": {
            "/api/jobs": {"get": _read_jobs(), "post": _create_job()},
            "/api/jobs/batch": {"post": _create_batch()},
            "/api/jobs/stream": {"post": _create_stream()},
            "/api/jobs/{id}": {"delete": _delete_job()},
            "/api/jobs/{id}/events": {"get": _follow_job()},
            "/api/chain/subscriptions/{id}": {"get": _why()},
            "/api/chain/subscriptions/{id}/intervals/{interval}/retry": {
                "post": _command("Try an interval again that was given up (operators only)")
            },
            "/api/chain/subscriptions/{id}/intervals/{interval}/drop": {
                "post": _command("Let an interval be that is not sent yet (operators only)")
            },
            "/api/chain/income": {"get": _income()},
            "/api/status": {"put": _report_status()},
            "/health": {"get": _health()},
            "/health/ready": {"get": _ready()},
            "/info": {"get": _info()},
            "/resources": {"get": _resources()},
            "/metrics": {"get": _metrics()},
            "/openapi.json": {"get": _description()},
            "/docs": {"get": _page()},
        },
        "components": {"schemas": COMPONENTS, "securitySchemes": SECURITY},
    }


def _read_jobs() -> dict[str, Any]:
    return _operation(
        "Results of jobs, or the caller's ids",
        _json(
            "Results of the ids asked for, finished ones first; without id, the caller's ids.",
            {"anyOf": [array_of(named("Job")), array_of({"type": "string"})]},
        ),
        refusals=(400, 401, 429, 500),
        parameters=[
            _query("id", array_of({"type": "string"}, most=1000), "Jobs to read."),
            _query("intermediate", _choice("true", "false"), "With results of each container."),
            _query("pending", _choice("true", "false"), "Only running, or only finished ids."),
        ],
    )


def _create_job() -> dict[str, Any]:
    return _operation(
        "Ask for one job",
        _json("The job's id; {} for a delegated subscription.", named("Accepted")),
        refusals=(*_BODY, 422),
        parameters=[_IDEMPOTENCY_KEY],
        body=named("Request"),
    )


def _create_batch() -> dict[str, Any]:
    outcome = {"anyOf": [named("Accepted"), named("Error")]}
    return _operation(
        "Ask for many jobs",
        _json("The outcome of each, in their order.", array_of(outcome)),
        refusals=(400, 401, 408, 413, 415, 429, 500),
        parameters=[_IDEMPOTENCY_KEY],
        body=array_of(named("Request"), most=1000),
    )


def _create_stream() -> dict[str, Any]:
    binary = {"application/octet-stream": {"schema": {"type": "string"}}}
    answer = {
        "description": "The id and a line feed, then the container's bytes as they come. "
        "A transfer without its end mark means that the container failed.",
        "content": binary,
    }
    return _operation(
        "Ask for a job whose answer is streamed", answer, refusals=_BODY, body=named("OffchainJob")
    )


def _delete_job() -> dict[str, Any]:
    gone = {"description": "The job is forgotten, and stopped if it was running."}
    return _operation(
        "Forget a job",
        gone,
        status=204,
        refusals=(400, 401, 404, 409, 429, 500),
        parameters=[_JOB_ID],
    )


def _follow_job() -> dict[str, Any]:
    events = {
        "description": "Events called status, each with the job as data, until it has ended.",
        "content": {"text/event-stream": {"schema": {"type": "string"}}},
    }
    return _operation(
        "Follow a job (Server-Sent Events)",
        events,
        refusals=(400, 401, 404, 429, 500, 503),
        parameters=[_JOB_ID],
    )


def _why() -> dict[str, Any]:
    return _operation(
        "What became of an on-chain subscription (operators only)",
        _json(
            "Its state and that of each interval, on each chain.",
            array_of(named("SubscriptionHistory")),
        ),
        refusals=(400, 401, 403, 404, 429, 500),
        parameters=[
            _SUBSCRIPTION,
            _query("interval", {"type": "integer", "minimum": 1}, "Only this interval."),
        ],
    )


def _command(summary: str) -> dict[str, Any]:
    return _operation(
        summary,
        _json("The state of the interval from now on.", named("IntervalState")),
        refusals=(400, 401, 403, 404, 409, 429, 500, 503),
        parameters=[_SUBSCRIPTION, _INTERVAL],
    )


def _income() -> dict[str, Any]:
    return _operation(
        "What paid answers have earned (operators only)",
        _json("By chain, containers and token.", array_of(named("Income"))),
        refusals=(401, 403, 404, 429, 500),
    )


def _report_status() -> dict[str, Any]:
    return _operation(
        "A container records a job that it runs on its own",
        _json("Recorded.", {"type": "null"}),
        refusals=(400, 403, 408, 409, 413, 415, 500),
        body=named("StatusReport"),
    )


def _health() -> dict[str, Any]:
    return _operation(
        "Whether the process answers",
        _json("It does.", named("Healthy")),
        refusals=(401, 429),
    )


def _ready() -> dict[str, Any]:
    operation = _operation(
        "Whether the node can do its work now",
        _json("It can.", named("Healthy")),
        refusals=(401, 429),
    )
    operation["responses"]["503"] = _json("What is missing.", named("Unhealthy"))
    return operation


def _info() -> dict[str, Any]:
    return _operation(
        "Version, containers, pending work, account on the chain",
        _json("About the node.", named("Info")),
        refusals=(401, 429, 500),
    )


def _resources() -> dict[str, Any]:
    return _operation(
        "What each container says of its hardware, or of a model",
        _json("Answers by container id, of those that answered.", {"type": "object"}),
        refusals=(401, 429),
        parameters=[_query("model_id", {"type": "string"}, "Ask for this model.")],
    )


def _metrics() -> dict[str, Any]:
    text = {
        "description": "Text format of Prometheus.",
        "content": {"text/plain": {"schema": {"type": "string"}}},
    }
    return _operation("Figures of the node", text, refusals=(403,))


def _description() -> dict[str, Any]:
    return _operation(
        "This description", _json("OpenAPI 3.1.", {"type": "object"}), refusals=(401, 429)
    )


def _page() -> dict[str, Any]:
    html = {
        "description": "A page without scripts and without anything from elsewhere.",
        "content": {"text/html": {"schema": {"type": "string"}}},
    }
    return _operation("This description for people", html, refusals=(401, 429))


def _operation(
    summary: str,
    answer: Mapping[str, Any],
    *,
    status: int = 200,
    refusals: tuple[int, ...],
    parameters: list[dict[str, Any]] | None = None,
    body: Mapping[str, Any] | None = None,
) -> dict[str, Any]:
    responses = {str(status): dict(answer)}
    responses |= {str(s): _json(_REFUSALS[s], named("Error")) for s in sorted(refusals)}
    operation: dict[str, Any] = {"summary": summary, "responses": responses}
    # A key is never needed unless the configuration says so.
    operation["security"] = [_NOTHING_MORE, {"ApiKey": []}]
    if parameters:
        operation["parameters"] = parameters
    if body:
        operation["requestBody"] = {
            "required": True,
            "content": {"application/json": {"schema": dict(body)}},
        }
    return operation


def _json(about: str, schema: Mapping[str, Any]) -> dict[str, Any]:
    return {"description": about, "content": {"application/json": {"schema": dict(schema)}}}


def _query(name: str, schema: Mapping[str, Any], about: str) -> dict[str, Any]:
    return {"name": name, "in": "query", "description": about, "schema": dict(schema)}


def _choice(*values: str) -> dict[str, Any]:
    return {"type": "string", "enum": list(values)}


_SUBSCRIPTION: dict[str, Any] = {
    "name": "id",
    "in": "path",
    "required": True,
    "description": "Subscription id, or delegated- and a number as the log has it.",
    "schema": {"type": "string", "pattern": "^(delegated-)?[0-9]{1,10}$"},
}
_INTERVAL: dict[str, Any] = {
    "name": "interval",
    "in": "path",
    "required": True,
    "description": "Number of the interval; that of a callback is 1.",
    "schema": {"type": "integer", "minimum": 1},
}
_JOB_ID: dict[str, Any] = {
    "name": "id",
    "in": "path",
    "required": True,
    "schema": {"type": "string", "minLength": 1},
}
_IDEMPOTENCY_KEY: dict[str, Any] = {
    "name": "Idempotency-Key",
    "in": "header",
    "description": "A request that comes again with the same key is answered with the same id.",
    "schema": {"type": "string", "pattern": "^[!-~]{1,128}$"},
}
