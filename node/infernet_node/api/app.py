"""All routes as one ASGI application."""

from collections.abc import Awaitable, Callable
from typing import Any

import structlog
from fastapi import FastAPI
from starlette.exceptions import HTTPException
from starlette.requests import ClientDisconnect, Request
from starlette.responses import Response

from infernet_node import __version__
from infernet_node.api.errors import ApiError, InternalError, RateLimitedError
from infernet_node.api.identity import caller_ip
from infernet_node.api.job_routes import JobRoutes
from infernet_node.api.node_routes import NodeRoutes
from infernet_node.api.rate_limit import RateLimiter
from infernet_node.api.responses import json_response
from infernet_node.api.services import Services

_LOG = structlog.get_logger(__name__)

Handler = Callable[[Request, str | None], Awaitable[Response]]
Endpoint = Callable[[Request], Awaitable[Response]]


def create_app(services: Services, limiter: RateLimiter) -> FastAPI:
    """Returns the REST interface of a node."""
    app = FastAPI(
        title="Infernet node",
        version=__version__,
        docs_url=None,
        redoc_url=None,
        exception_handlers={HTTPException: _plain_refusal},
    )
    about, jobs = NodeRoutes(services), JobRoutes(services)
    limited = _Wrapper(services, limiter)
    unlimited = _Wrapper(services, None)
    # Routes are tried in this order, so the busiest come first.
    for method, path, wrapper, handler in (
        ("GET", "/api/jobs", limited, jobs.read),
        ("POST", "/api/jobs", limited, jobs.create),
        ("POST", "/api/jobs/batch", limited, jobs.create_batch),
        ("POST", "/api/jobs/stream", limited, jobs.create_stream),
        ("GET", "/health", limited, about.health),
        ("GET", "/health/ready", limited, about.ready),
        ("GET", "/info", limited, about.info),
        ("GET", "/resources", limited, about.resources),
        ("PUT", "/api/status", unlimited, about.report_status),
    ):
        app.add_api_route(
            path,
            wrapper.wrap(f"{method} {path}", handler),
            methods=[method],
            summary=handler.__doc__,
            operation_id=handler.__name__,
            response_model=None,
        )
    return app


class _Wrapper:
    """What every route has in common: the caller, the rate limit, errors as JSON."""

    def __init__(self, services: Services, limiter: RateLimiter | None) -> None:
        self._trusted = services.config.server.trusted_proxies
        self._limiter = limiter

    def wrap(self, name: str, handler: Handler) -> Endpoint:
        async def endpoint(request: Request) -> Response:
            ip = caller_ip(request, self._trusted)
            if self._limiter is None:
                return await _answer(name, handler, request, ip)
            decision = self._limiter.take((name, ip))
            if decision.allowed:
                response = await _answer(name, handler, request, ip)
            else:
                response = _refusal(RateLimitedError.after(decision.retry_after))
            response.headers.update(decision.headers)
            return response

        return endpoint


async def _answer(name: str, handler: Handler, request: Request, ip: str | None) -> Response:
    try:
        return await handler(request, ip)
    except InternalError as error:
        _LOG.error("request_failed", route=name, cause=repr(error.__cause__))
        return _refusal(error)
    except ApiError as error:
        return _refusal(error)
    except ClientDisconnect:
        # Nobody reads this answer.
        return Response(status_code=400)
    except Exception:  # noqa: BLE001 - a caller gets JSON whatever happens
        _LOG.exception("request_crashed", route=name)
        return _refusal(InternalError("Internal server error: see the log of the node"))


def _refusal(error: ApiError) -> Response:
    return json_response(error.body, error.status, error.headers)


async def _plain_refusal(_request: Request, error: Any) -> Response:
    """Unknown routes and methods, as JSON."""
    return json_response({"error": error.detail}, error.status_code, error.headers)
