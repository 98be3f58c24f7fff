"""The chain half of a process, according to its role."""

from collections.abc import Callable
from contextlib import AbstractContextManager, AsyncExitStack
from dataclasses import dataclass
from functools import partial
from pathlib import Path

from infernet_node.api.services import ChainAccess
from infernet_node.chain.intake import DelegationIntake
from infernet_node.chain.key_lock import KeyInUseError, key_lock
from infernet_node.chain.lookup import ContainerLookup
from infernet_node.chain.metrics import ChainMetrics
from infernet_node.chain.rpc import Rpc
from infernet_node.chain.service import ChainService
from infernet_node.config import Config, Role
from infernet_node.fleet.bus import WakeUpBus
from infernet_node.fleet.chain_gateway import ChainGateway
from infernet_node.fleet.chain_turn import ChainTurn
from infernet_node.fleet.lease import Lease
from infernet_node.fleet.relay import PREFIX, CommandRelay
from infernet_node.metrics import Metrics
from infernet_node.pipeline import Pipeline
from infernet_node.start_error import StartError
from infernet_node.store.commands import StoredCommands
from infernet_node.store.database import Database
from infernet_node.store.leases import Leases


@dataclass(frozen=True, slots=True)
class ChainParts:
    """What the chain half is made of."""

    config: Config
    database: Database
    pipeline: Pipeline
    leases: Leases
    bus: WakeUpBus
    metrics: Metrics
    is_running: Callable[[str], bool]
    """Whether a container can be asked."""


def chain_access(role: Role, parts: ChainParts, stack: AsyncExitStack) -> ChainAccess | None:
    """Returns the chain half, closed with ``stack``; ``None`` if the process has none.

    Raises:
        StartError: if the key is in use by another process.
    """
    if not parts.config.chain.enabled or role is Role.WORKER:
        return None
    if not role.sends:
        access = _gateway(parts)
    elif parts.config.store_is_shared:
        access = _turn(parts)
    else:
        access = _alone(parts, stack)
    stack.push_async_callback(access.port.close)
    return access


def _alone(parts: ChainParts, stack: AsyncExitStack) -> ChainAccess:
    service = _service(parts, lambda: True)
    try:
        stack.enter_context(_key_lock(parts.config, service.address)())
    except KeyInUseError as error:
        raise StartError(str(error)) from error
    except OSError as error:
        raise StartError(f"the lock file of the key cannot be made: {error}") from error
    return ChainAccess(service, service.lookup.containers)


def _turn(parts: ChainParts) -> ChainAccess:
    """Waits for the lease of the key, beside the other processes of the store."""
    config = parts.config
    holds: list[Lease] = []
    service = _service(parts, lambda: holds[0].held)
    name = PREFIX + service.address
    holds.append(Lease(parts.leases, name, parts.bus.replica, config.fleet.lease))
    intake = _intake(parts, service.lookup)
    lock = _key_lock(config, service.address)
    period = config.fleet.sweep_period
    turn = ChainTurn(service, holds[0], intake, parts.bus, _relay(parts), lock, period)
    about = "Whether this process works on the chain: 1 or 0."
    parts.metrics.watch("chain_active", about, lambda: turn.active)
    return ChainAccess(turn, service.lookup.containers, turn.remark)


def _gateway(parts: ChainParts) -> ChainAccess:
    lookup = ContainerLookup([container.id for container in parts.config.containers])
    intake = _intake(parts, lookup)
    period = parts.config.fleet.sweep_period
    gateway = ChainGateway(
        intake, lookup, parts.database, parts.leases, parts.bus, _relay(parts), period
    )
    return ChainAccess(gateway, lookup.containers, gateway.remark)


def _service(parts: ChainParts, may_send: Callable[[], bool]) -> ChainService:
    config, figures = parts.config, ChainMetrics(parts.metrics.registry)
    run = parts.pipeline.run
    return ChainService(
        config.chain,
        config.containers,
        run,
        parts.database,
        figures,
        may_send=may_send,
        is_running=parts.is_running,
    )


def _relay(parts: ChainParts) -> CommandRelay:
    rows, period = StoredCommands(parts.database), parts.config.fleet.sweep_period
    return CommandRelay(rows, parts.leases, parts.bus, period)


def _intake(parts: ChainParts, lookup: ContainerLookup) -> DelegationIntake:
    chain = parts.config.chain
    return DelegationIntake(chain, Rpc(chain.rpc_urls), lookup, parts.database)


def _key_lock(config: Config, address: str) -> Callable[[], AbstractContextManager[None]]:
    """Beside the keystore, else beside the log."""
    wallet = config.chain.wallet
    keystore = wallet.keystore if wallet else None
    return partial(key_lock, Path(keystore or config.log.path).parent, address)
