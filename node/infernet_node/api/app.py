"""All routes as one ASGI application."""

import time
from collections.abc import Awaitable, Callable
from dataclasses import dataclass

from starlette.requests import ClientDisconnect, Request
from starlette.responses import Response

from infernet_node.api.caller import ApiKeys, Caller
from infernet_node.api.chain_routes import ChainRoutes
from infernet_node.api.cross_site import refuse_other_sites
from infernet_node.api.errors import ApiError, RateLimitedError, UnauthorizedError, refusal_of
from infernet_node.api.event_routes import EventRoutes
from infernet_node.api.identity import caller_ip
from infernet_node.api.job_routes import JobRoutes
from infernet_node.api.node_routes import NodeRoutes
from infernet_node.api.openapi import describe
from infernet_node.api.page import show
from infernet_node.api.rate_limit import RateLimiter
from infernet_node.api.responses import json_response
from infernet_node.api.routes import Endpoint, Routes
from infernet_node.api.services import Services
from infernet_node.config import Role

Handler = Callable[[Request, Caller], Awaitable[Response]]


@dataclass(frozen=True, slots=True)
class _Rule:
    """What is asked of the callers of a route before its handler sees them."""

    limited: bool = True
    """Whether requests are counted."""
    takes_keys: bool = True
    """Whether ``Authorization`` holds an API key; else the route gives it its own meaning."""
    needs_key: bool = False
    """Whether ``server.require_api_key`` is about this route."""
    by_address: bool = False
    """Whether it changes something for whoever has the right address. A page in a browser has
    it without being asked, so those of other sites are refused."""


_OPEN = _Rule()
_JOBS = _Rule(needs_key=True)
_COMMANDS = _Rule(by_address=True)
_REPORTS = _Rule(limited=False, takes_keys=False, by_address=True)
_FIGURES = _Rule(limited=False, takes_keys=False)

_INTERVAL = "/api/chain/subscriptions/{id}/intervals/{interval}"
_RETRY, _DROP = f"{_INTERVAL}/retry", f"{_INTERVAL}/drop"
_PROBES = frozenset({"/health", "/health/ready", "/metrics"})
_SHOWN_BY = {
    Role.WORKER: _PROBES,
    Role.CHAIN: _PROBES | {"/api/chain/subscriptions/{id}", "/api/chain/income", _RETRY, _DROP},
}
"""Routes of processes that callers have nothing to ask of; the others have all of them."""


def create_app(services: Services, limiter: RateLimiter) -> Routes:
    """Returns the REST interface of a process, as far as its role has one."""
    about, jobs, events = NodeRoutes(services), JobRoutes(services), EventRoutes(services)
    chain = ChainRoutes(services)
    gate = _Gate(services, limiter)
    table: list[tuple[str, str, _Rule, Handler]] = [
        ("GET", "/api/jobs", _JOBS, jobs.read),
        ("POST", "/api/jobs", _JOBS, jobs.create),
        ("POST", "/api/jobs/batch", _JOBS, jobs.create_batch),
        ("POST", "/api/jobs/stream", _JOBS, jobs.create_stream),
        ("GET", "/api/jobs/{id}/events", _JOBS, events.follow),
        ("DELETE", "/api/jobs/{id}", _JOBS, jobs.delete),
        ("GET", "/api/chain/subscriptions/{id}", _OPEN, chain.why),
        ("POST", _RETRY, _COMMANDS, chain.retry),
        ("POST", _DROP, _COMMANDS, chain.drop),
        ("GET", "/api/chain/income", _OPEN, chain.income),
        ("GET", "/health", _OPEN, about.health),
        ("GET", "/health/ready", _OPEN, about.ready),
        ("GET", "/info", _OPEN, about.info),
        ("GET", "/resources", _OPEN, about.resources),
        ("PUT", "/api/status", _REPORTS, about.report_status),
        ("GET", "/metrics", _FIGURES, about.metrics),
        ("GET", "/openapi.json", _OPEN, describe),
        ("GET", "/docs", _OPEN, show),
    ]
    return Routes(
        (method, path, gate.guard(f"{method} {path}", rule, handler))
        for method, path, rule, handler in table
        if path in _SHOWN_BY.get(services.role, {path})
    )


class _Gate:
    """What every route has in common: the caller, the rate limit, errors as JSON."""

    def __init__(self, services: Services, limiter: RateLimiter) -> None:
        server = services.config.server
        self._trusted = server.trusted_proxies
        self._keys = ApiKeys(server.api_keys)
        self._key_required = server.require_api_key
        self._limiter = limiter
        self._metrics = services.metrics

    def guard(self, name: str, rule: _Rule, handler: Handler) -> Endpoint:
        seconds = self._metrics.request_seconds.labels(name)

        async def endpoint(request: Request) -> Response:
            began = time.perf_counter()
            response = await self._respond(name, rule, handler, request)
            seconds.observe(time.perf_counter() - began)
            self._metrics.requests.labels(name, str(response.status_code)).inc()
            return response

        return endpoint

    async def _respond(
        self, name: str, rule: _Rule, handler: Handler, request: Request
    ) -> Response:
        ip = caller_ip(request, self._trusted)
        if not rule.limited:
            return await self._admitted(name, rule, handler, request, ip)
        decision = self._limiter.take((name, ip))
        if decision.allowed:
            response = await self._admitted(name, rule, handler, request, ip)
        else:
            response = _refusal(RateLimitedError.after(decision.retry_after))
        response.headers.update(decision.headers)
        return response

    async def _admitted(
        self, name: str, rule: _Rule, handler: Handler, request: Request, ip: str | None
    ) -> Response:
        try:
            if rule.by_address:
                refuse_other_sites(request.headers)
            return await handler(request, self._caller(request, ip, rule))
        except ClientDisconnect:
            # Nobody reads this answer.
            return Response(status_code=400)
        except Exception as error:  # noqa: BLE001 - a caller gets JSON whatever happens
            return _refusal(refusal_of(error, name))

    def _caller(self, request: Request, ip: str | None, rule: _Rule) -> Caller:
        if not rule.takes_keys:
            return Caller(ip)
        key = self._keys.name_of(request.headers.get("authorization"))
        if key is None and rule.needs_key and self._key_required:
            raise UnauthorizedError("API key is required; send Authorization: Bearer <key>")
        return Caller(ip, key)


def _refusal(error: ApiError) -> Response:
    return json_response(error.body, error.status, error.headers)
