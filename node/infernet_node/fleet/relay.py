"""Commands of operators find the process that works on the chain, whichever they are given to."""

import asyncio
import json
from collections.abc import Awaitable, Callable
from dataclasses import asdict

import structlog
from sqlalchemy.exc import SQLAlchemyError

from infernet_node.admission import NotAcceptingError
from infernet_node.chain.history import UnknownSubscriptionError
from infernet_node.fleet.bus import WakeUpBus
from infernet_node.fleet.messages import Topic
from infernet_node.ports import Command, CommandRefusedError, IntervalState
from infernet_node.store.commands import StoredCommand, StoredCommands
from infernet_node.store.leases import Leases

_LOG = structlog.get_logger(__name__)

PREFIX = "wallet/"
"""Of the leases by which processes have the turn to send for an account."""
NOBODY = "no process works on the chain now"

_BEGIN_SECONDS = 30.0
"""Within which a command is begun, or not at all: longer than a turn takes to pass on."""
_END_SECONDS = 25.0
"""After that, for what was begun."""
_REFUSALS: dict[str, type[Exception]] = {
    "unknown": UnknownSubscriptionError,
    "refused": CommandRefusedError,
    "unavailable": NotAcceptingError,
}

CarryOut = Callable[[Command, str, int], Awaitable[IntervalState]]


class CommandRelay:
    """Asks another process to carry out commands, or carries out what others ask for.

    Args:
        period: seconds between two looks at the store when nobody tells of anything.
    """

    def __init__(self, rows: StoredCommands, leases: Leases, bus: WakeUpBus, period: float) -> None:
        self._rows = rows
        self._leases = leases
        self._bus = bus
        self._period = period
        self._waiting: set[asyncio.Event] = set()
        bus.listen(Topic.COMMANDS, self._hear)

    async def ask(self, command: Command, subscription: str, interval: int) -> IntervalState:
        """Has the process that works on the chain carry out a command.

        Raises:
            UnknownSubscriptionError: if there is no row of the interval.
            CommandRefusedError: if the row's state or the chain's does not allow it.
            NotAcceptingError: if no process works on the chain now, or it cannot ask the chain.
        """
        try:
            if not await self._leases.live(PREFIX):
                raise NotAcceptingError(NOBODY)
            return _result(await self._outcome_of(command, subscription, interval))
        except SQLAlchemyError as error:
            _LOG.warning("command_not_relayed", command=command, cause=type(error).__name__)
            raise NotAcceptingError("The store is not available; try again later") from error

    async def serve(self, carry_out: CarryOut) -> None:
        """Carries out, until cancelled, what other processes are asked for."""
        woken = asyncio.Event()
        self._waiting.add(woken)
        try:
            while True:
                try:
                    await self._carry_out_all(carry_out)
                except SQLAlchemyError as error:
                    _LOG.warning("commands_not_read", cause=type(error).__name__)
                await self._wait(woken, self._period)
        finally:
            self._waiting.discard(woken)

    async def _outcome_of(self, command: Command, subscription: str, interval: int) -> str:
        woken = asyncio.Event()
        self._waiting.add(woken)
        try:
            id = await self._rows.add(command, subscription, interval, _BEGIN_SECONDS)
            self._bus.send(Topic.COMMANDS)
            outcome = await self._await_outcome(id, woken, _BEGIN_SECONDS)
            if outcome is None:
                if await self._rows.withdraw(id):
                    raise NotAcceptingError(f"{NOBODY}, and nothing was done; try again later")
                outcome = await self._await_outcome(id, woken, _END_SECONDS)
        finally:
            self._waiting.discard(woken)
        if outcome is None:
            raise NotAcceptingError(
                "the command was begun and its end is not known; look at the interval"
            )
        return outcome

    async def _await_outcome(self, id: str, woken: asyncio.Event, seconds: float) -> str | None:
        loop = asyncio.get_running_loop()
        give_up = loop.time() + seconds
        while (outcome := await self._rows.outcome(id)) is None and loop.time() < give_up:
            await self._wait(woken, min(self._period, give_up - loop.time()))
        return outcome

    async def _carry_out_all(self, carry_out: CarryOut) -> None:
        while asked := await self._rows.take():
            outcome = await _attempt(carry_out, asked)
            await self._rows.settle(asked.id, outcome)
            self._bus.send(Topic.COMMANDS)
        await self._rows.forget_old()

    async def _wait(self, woken: asyncio.Event, seconds: float) -> None:
        try:
            async with asyncio.timeout(seconds):
                await woken.wait()
        except TimeoutError:
            pass
        woken.clear()

    def _hear(self, _ids: object) -> None:
        for woken in self._waiting:
            woken.set()


async def _attempt(carry_out: CarryOut, asked: StoredCommand) -> str:
    """Returns what became of a command, as text for its row."""
    try:
        state = await carry_out(Command(asked.command), asked.subscription, asked.interval)
    except tuple(_REFUSALS.values()) as refusal:
        kind = next(kind for kind, each in _REFUSALS.items() if isinstance(refusal, each))
        return json.dumps({"refusal": kind, "text": str(refusal)})
    except Exception:  # noqa: BLE001 - the chain work goes on, and whoever asked hears of it
        _LOG.exception("command_crashed", command=asked.command)
        text = "Internal error: see the log of the process that works on the chain"
        return json.dumps({"refusal": "unavailable", "text": text})
    return json.dumps(asdict(state))


def _result(outcome: str) -> IntervalState:
    found = json.loads(outcome)
    if "refusal" in found:
        raise _REFUSALS[found["refusal"]](found["text"])
    return IntervalState(**found)
