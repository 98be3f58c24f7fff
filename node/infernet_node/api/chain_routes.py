"""Routes about on-chain work, for whoever runs the node."""

from starlette.requests import Request
from starlette.responses import Response

from infernet_node.admission import NotAcceptingError
from infernet_node.api.caller import Caller
from infernet_node.api.errors import (
    ConflictError,
    ForbiddenError,
    MalformedError,
    NotFoundError,
    UnavailableError,
)
from infernet_node.api.identity import within
from infernet_node.api.responses import json_response
from infernet_node.api.services import Services
from infernet_node.chain.history import UnknownSubscriptionError
from infernet_node.ports import ChainPort, Command, CommandRefusedError

_LARGEST = 2**32 - 1


class ChainRoutes:
    """Handlers; each takes the request and its caller."""

    def __init__(self, services: Services) -> None:
        self._services = services

    async def why(self, request: Request, caller: Caller) -> Response:
        """``GET /api/chain/subscriptions/{id}``: what became of a subscription, and why."""
        chain = self._chain(caller)
        subscription = _subscription(request)
        text = request.query_params.get("interval")
        interval = None if text is None else _interval(text)
        try:
            found = await chain.history(subscription, interval)
        except UnknownSubscriptionError as error:
            raise NotFoundError(str(error)) from None
        return json_response([history.to_json() for history in found])

    async def retry(self, request: Request, caller: Caller) -> Response:
        """``POST …/intervals/{interval}/retry``: has an interval tried again that was given up."""
        return await self._command(Command.RETRY, request, caller)

    async def drop(self, request: Request, caller: Caller) -> Response:
        """``POST …/intervals/{interval}/drop``: has an interval that is not sent yet let be."""
        return await self._command(Command.DROP, request, caller)

    async def _command(self, command: Command, request: Request, caller: Caller) -> Response:
        chain = self._chain(caller)
        subscription = _subscription(request)
        interval = _interval(request.path_params["interval"])
        try:
            found = await chain.command(command, subscription, interval)
        except UnknownSubscriptionError as error:
            raise NotFoundError(str(error)) from None
        except CommandRefusedError as error:
            raise ConflictError(str(error)) from None
        except NotAcceptingError as error:
            raise UnavailableError(str(error), error.retry_after) from None
        return json_response(
            {"interval": found.interval, "state": found.state, "reason": found.reason}
        )

    async def income(self, _request: Request, caller: Caller) -> Response:
        """``GET /api/chain/income``: what answers have earned."""
        books = await self._chain(caller).income()
        return json_response([book.to_json() for book in books])

    def _chain(self, caller: Caller) -> ChainPort:
        if caller.ip is None or not within(caller.ip, self._services.operator_networks):
            raise ForbiddenError("Unauthorized")
        if self._services.chain is None:
            raise NotFoundError("The chain is not enabled on this node")
        return self._services.chain.port


def _subscription(request: Request) -> str:
    subscription = str(request.path_params["id"])
    if _number(subscription.removeprefix("delegated-")) is None:
        raise MalformedError("id: must be a subscription id, or delegated- and a number")
    return subscription


def _interval(text: str) -> int:
    interval = _number(text)
    if not interval:
        raise MalformedError(f"interval: must be a number from 1 to {_LARGEST}")
    return interval


def _number(text: str) -> int | None:
    """Returns a uint32, ``None`` if the text is none."""
    if not text.isascii() or not text.isdigit() or len(text) > len(str(_LARGEST)):
        return None
    return int(text) if int(text) <= _LARGEST else None
