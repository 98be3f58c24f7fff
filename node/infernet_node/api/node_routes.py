"""Routes about the node itself, and the one that containers call."""

import asyncio
import hmac
from contextlib import suppress
from typing import Any

from sqlalchemy.exc import SQLAlchemyError
from starlette.requests import Request
from starlette.responses import Response

from infernet_node import __version__
from infernet_node.api.caller import Caller
from infernet_node.api.errors import ConflictError, ForbiddenError, InternalError
from infernet_node.api.identity import within
from infernet_node.api.parsing import parse_status, read_json
from infernet_node.api.responses import json_response
from infernet_node.api.services import Services
from infernet_node.containers.calls import ContainerCallError
from infernet_node.containers.endpoint import Endpoint
from infernet_node.metrics import CONTENT_TYPE
from infernet_node.store.job import JobKind
from infernet_node.store.jobs import ReportRefusedError


class NodeRoutes:
    """Handlers; each takes the request and who it comes from."""

    def __init__(self, services: Services) -> None:
        self._services = services
        self._known = services.known

    async def health(self, request: Request, caller: Caller) -> Response:
        """``GET /health``: whether the process answers at all."""
        return json_response({"status": "healthy"})

    async def ready(self, request: Request, caller: Caller) -> Response:
        """``GET /health/ready``: whether the node can do its work now, else what is missing."""
        problems = {}
        try:
            await self._services.store.count_running()
        except SQLAlchemyError:
            problems["store"] = "not available"
        chain, remarks = self._services.chain, self._services.remarks
        if chain and chain.port.status != "ready" and "chain" not in remarks:
            problems["chain"] = chain.port.status
        missing = [id for id in self._known if not self._services.is_running(id)]
        if missing:
            problems["containers"] = f"not running: {', '.join(missing)}"
        remarked = {"remarks": remarks} if remarks else {}
        if problems:
            return json_response({"status": "unhealthy", "problems": problems, **remarked}, 503)
        return json_response({"status": "healthy", **remarked})

    async def info(self, request: Request, caller: Caller) -> Response:
        """``GET /info``: version, running containers, pending work, account on the chain."""
        chain = self._services.chain
        shown = self._shown_to(caller)
        return json_response(
            {
                "version": __version__,
                "containers": [
                    {
                        "id": container.id,
                        "description": container.description,
                        "external": container.external,
                        "image": container.image,
                    }
                    for container in self._known.values()
                    if container.id in shown and self._services.is_running(container.id)
                ],
                "pending": {
                    "offchain": await self._services.store.count_running(),
                    "onchain": chain.port.pending if chain else 0,
                },
                "chain": {
                    "enabled": chain is not None,
                    "address": chain.port.address if chain else "",
                },
            }
        )

    async def resources(self, request: Request, caller: Caller) -> Response:
        """``GET /resources``: what each container says of its hardware or of a model."""
        model_id = request.query_params.get("model_id")
        shown = self._shown_to(caller)
        endpoints = {id: e for id, e in self._services.endpoints.items() if id in shown}
        told: dict[str, Any] = {}
        await asyncio.gather(*(self._ask(e, model_id, told) for e in endpoints.values()))
        return json_response({id: told[id] for id in endpoints if id in told})

    async def report_status(self, request: Request, caller: Caller) -> Response:
        """``PUT /api/status``: a container records a job that it runs on its own."""
        ip = caller.ip
        if ip is None or not self._may_report(request, ip):
            raise ForbiddenError("Unauthorized")
        body = await read_json(request, self._services.config.server.max_body_bytes)
        report = parse_status(body, self._known)
        now = self._services.clock()
        try:
            changed = await self._services.store.report(
                report.id, ip, report.status, report.containers, now
            )
        except ReportRefusedError as error:
            raise ConflictError(str(error)) from None
        except SQLAlchemyError as error:
            raise InternalError("Could not store job status") from error
        if changed and report.status != "running":
            metrics = self._services.metrics
            metrics.jobs_finished.labels(JobKind.REPORTED, report.status).inc()
        return json_response(None)

    async def metrics(self, request: Request, caller: Caller) -> Response:
        """``GET /metrics``: figures of the node in the text format of Prometheus."""
        if not self._is_operator(caller):
            raise ForbiddenError("Unauthorized")
        return Response(self._services.metrics.text(), media_type=CONTENT_TYPE)

    def _shown_to(self, caller: Caller) -> set[str]:
        """Names the containers that a caller may know of: strangers only those they can use."""
        everything = caller.key is not None or self._is_operator(caller)
        return {id for id, container in self._known.items() if everything or container.external}

    def _is_operator(self, caller: Caller) -> bool:
        return caller.ip is not None and within(caller.ip, self._services.operator_networks)

    def _may_report(self, request: Request, ip: str) -> bool:
        token = self._services.config.server.status_token
        if token:
            expected = f"Bearer {token.get_secret_value()}".encode()
            given = request.headers.get("authorization", "").encode("latin-1")
            if not hmac.compare_digest(given, expected):
                return False
        return within(ip, self._services.status_networks)

    async def _ask(self, endpoint: Endpoint, model_id: str | None, told: dict[str, Any]) -> None:
        """Writes down what a container says, unless it fails: then it is left out."""
        with suppress(ContainerCallError):
            told[endpoint.id] = await self._services.client.resources(endpoint, model_id)
