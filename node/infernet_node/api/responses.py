"""Answers: JSON, and streams whose failure a client can see."""

import asyncio
from collections.abc import Mapping
from typing import Any

from starlette.responses import Response
from starlette.types import Receive, Scope, Send

from infernet_node.api.caller import Caller
from infernet_node.api.errors import MalformedError
from infernet_node.json_text import serialise
from infernet_node.store.job import Job
from infernet_node.streams import StreamBrokenError, Streams


def identified(caller: Caller) -> str:
    """Returns whose jobs the caller's are.

    Raises:
        MalformedError: if nothing tells callers apart.
    """
    if caller.owner is None:
        raise MalformedError("Could not get client IP address")
    return caller.owner


def job_result(job: Job, *, with_intermediate: bool) -> dict[str, Any]:
    """Returns a job as clients read it."""
    finished = job.status != "running"
    result: dict[str, Any] = {
        "id": job.id,
        "status": job.status,
        "result": job.results[-1] if finished and job.results else None,
    }
    if with_intermediate:
        result["intermediate_results"] = job.results[:-1] if finished else job.results
    return result


def json_response(
    content: Any, status: int = 200, headers: Mapping[str, str] | None = None
) -> Response:
    return Response(serialise(content), status, headers, media_type="application/json")


class StreamResponse(Response):
    """A job id and a line feed, then the container's bytes, each sent on as it comes.

    If the container fails, the connection is closed without the end mark of the transfer, so
    that no client takes a part for the whole. If the client leaves, the job is stopped.
    """

    media_type = "application/octet-stream"

    def __init__(self, streams: Streams, job: Job) -> None:
        super().__init__(headers={"X-Content-Type-Options": "nosniff"})
        # Without a length the transfer is chunked.
        del self.headers["content-length"]
        self._streams = streams
        self._job = job

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        async def write(piece: bytes) -> None:
            await send({"type": "http.response.body", "body": piece, "more_body": True})

        await send({"type": "http.response.start", "status": 200, "headers": self.raw_headers})
        delivery = asyncio.create_task(self._streams.deliver(self._job, write))
        departure = asyncio.create_task(_client_left(receive))
        try:
            await asyncio.wait((delivery, departure), return_when=asyncio.FIRST_COMPLETED)
        finally:
            departure.cancel()
            if not delivery.done():
                delivery.cancel()
            await asyncio.wait((delivery, departure))
        if delivery.cancelled() or isinstance(delivery.exception(), StreamBrokenError):
            return
        await delivery
        await send({"type": "http.response.body", "body": b"", "more_body": False})


async def _client_left(receive: Receive) -> None:
    while (await receive())["type"] != "http.disconnect":
        pass
