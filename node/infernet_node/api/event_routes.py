"""``/api/jobs/{id}/events``: a job's status as it changes, instead of polling for it."""

import asyncio
from collections.abc import AsyncIterator
from contextlib import suppress

from starlette.requests import Request
from starlette.responses import Response, StreamingResponse

from infernet_node.api.caller import Caller
from infernet_node.api.errors import NotFoundError, UnavailableError
from infernet_node.api.responses import identified, job_result
from infernet_node.api.services import Services
from infernet_node.json_text import serialise
from infernet_node.store.changes import Changes
from infernet_node.store.job import Job

# Proxies take connections for dead that are silent for a minute.
_HEARTBEAT_SECONDS = 15.0
_RETRY_SECONDS = 5


class EventRoutes:
    """Handlers that keep a response open."""

    def __init__(self, services: Services) -> None:
        self._store = services.store
        self._most = services.config.server.max_followers
        fleet = services.config.fleet
        # What other processes change is told over a broker, which may be away.
        look = fleet.sweep_period if services.membership else _HEARTBEAT_SECONDS
        self._pause = min(look, _HEARTBEAT_SECONDS)

    async def follow(self, request: Request, caller: Caller) -> Response:
        """``GET /api/jobs/{id}/events``: Server-Sent Events until the job has ended."""
        owner = identified(caller)
        job_id = request.path_params["id"]
        changes = self._store.changes
        if not await self._store.find(owner, [job_id]):
            raise NotFoundError("Job not found")
        if changes.closed:
            raise UnavailableError("The node is shutting down; try another one", _RETRY_SECONDS)
        if len(changes) >= self._most:
            raise UnavailableError("Too many clients follow jobs; poll instead", _RETRY_SECONDS)
        return StreamingResponse(
            self._events(changes, owner, job_id),
            media_type="text/event-stream",
            headers={"Cache-Control": "no-store", "X-Accel-Buffering": "no"},
        )

    async def _events(self, changes: Changes, owner: str, job_id: str) -> AsyncIterator[bytes]:
        told: bytes | None = None
        with changes.following(job_id) as changed:
            while not changes.closed:
                changed.clear()
                found = await self._store.find(owner, [job_id])
                if not found:
                    return
                event = _status_event(found[0])
                if event != told:
                    told = event
                    yield event
                if found[0].status != "running":
                    return
                with suppress(TimeoutError):
                    await asyncio.wait_for(changed.wait(), self._pause)
                    continue
                yield b":\n\n"


def _status_event(job: Job) -> bytes:
    data = serialise(job_result(job, with_intermediate=True))
    return b"event: status\ndata: " + data + b"\n\n"
