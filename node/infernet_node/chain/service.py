"""The chain half of the node: connects, works, and connects again."""

import asyncio
from collections.abc import Callable, Sequence
from typing import Any

import structlog
from eth_account import Account
from eth_account.signers.local import LocalAccount

from infernet_node.admission import NotAcceptingError
from infernet_node.chain.compute import Compute, RunPipeline
from infernet_node.chain.fees import GWEI
from infernet_node.chain.history import SubscriptionHistory, history_of
from infernet_node.chain.identity import ChainIdentity
from infernet_node.chain.income import Income, income_of
from infernet_node.chain.lookup import ContainerLookup
from infernet_node.chain.metrics import ChainMetrics
from infernet_node.chain.rpc import Rpc
from infernet_node.chain.rpc_errors import RpcError
from infernet_node.chain.session import ChainReplacedError, ChainSession, Settings
from infernet_node.config import ChainConfig, ContainerConfig
from infernet_node.ports import Command, IntervalState
from infernet_node.store.database import Database
from infernet_protocol.delegation import Signature
from infernet_protocol.subscription import Subscription

log = structlog.get_logger(__name__)

_FIRST_PAUSE = 0.5
_LONGEST_PAUSE = 30.0
_UNREACHABLE = "The chain cannot be reached now; try again later"


class ChainService:
    """Sees requests on the chain and answers each exactly once.

    Args:
        config: an enabled ``chain`` section.
        containers: every configured container.
        run: runs a pipeline of them.
        database: stays the caller's to close.
        metrics: counts what happens.
        max_running: pipelines for the chain at the same time.
        reached: told the name of each point at which a crash would leave a different trace.
        may_send: whether this process may send transactions of its account now.
        is_running: whether a container can be asked; nothing is asked of one that cannot.
    """

    def __init__(
        self,
        config: ChainConfig,
        containers: Sequence[ContainerConfig],
        run: RunPipeline,
        database: Database,
        metrics: ChainMetrics | None = None,
        *,
        max_running: int = 64,
        reached: Callable[[str], None] = lambda point: None,
        may_send: Callable[[], bool] = lambda: True,
        is_running: Callable[[str], bool] = lambda container: True,
    ) -> None:
        wallet, registry = config.wallet, config.registry_address
        if wallet is None or wallet.private_key is None or registry is None:
            raise ValueError("chain: must be enabled, with a registry and a wallet")
        self.lookup = ContainerLookup([container.id for container in containers])
        """Which containers a subscription's hash stands for."""
        self._registry = registry
        self._account: LocalAccount = Account.from_key(wallet.private_key.get_secret_value())
        self._database = database
        self._compute = Compute(self.lookup, run, max_running, is_running)
        self._metrics = metrics or ChainMetrics()
        self._rpc = Rpc(config.rpc_urls, metrics=self._metrics, may_send=may_send)
        self._reached = reached
        self._settings = Settings(
            known={container.id: container for container in containers},
            payment_address=wallet.payment_address,
            max_gas_limit=wallet.max_gas_limit,
            allowed_sim_errors=wallet.allowed_sim_errors,
            trail=config.trail_head_blocks,
            batch_size=config.snapshot_sync.batch_size,
            first_id=config.snapshot_sync.starting_sub_id + 1,
            poll_period=config.snapshot_sync.sync_period,
            fee_ceiling=round(wallet.max_fee_gwei * GWEI),
            ws_urls=config.ws_urls,
        )
        self._session: ChainSession | None = None
        self._trouble = "not connected yet"

    @property
    def address(self) -> str:
        """Account that sends transactions, in EIP-55 form."""
        return self._account.address

    @property
    def pending(self) -> int:
        """On-chain jobs in their containers now."""
        return self._compute.pending

    @property
    def status(self) -> str:
        """``"ready"``, or what keeps the chain work from going on, in a few words."""
        return self._session.status if self._session else self._trouble

    @property
    def head(self) -> int:
        """Number of the last block that was worked on, -1 while there is none."""
        return self._session.head if self._session else -1

    async def run(self) -> None:
        """Works until cancelled. Trouble with an endpoint delays it and never ends it."""
        # Hashing every pipeline takes a while that the event loop must not wait for.
        await asyncio.to_thread(self.lookup.prepare)
        pause = _FIRST_PAUSE
        while True:
            try:
                self._session = await self._connect()
                await self._session.run()
            except ChainReplacedError:
                pause = _FIRST_PAUSE
                self._trouble = "the endpoint serves another chain now, connecting again"
                log.warning("Chain was replaced by another one, connecting again")
            except RpcError as error:
                self._trouble = f"cannot connect to the chain: {error}"
                log.warning("Chain connection failed", error=str(error), retry_in=pause)
            except Exception as error:  # a mistake of ours must not end the node
                self._trouble = f"internal error: {type(error).__name__}"
                log.exception("Chain work ended, starting it again", retry_in=pause)
            finally:
                self._session = None
            await asyncio.sleep(pause)
            pause = min(pause * 2, _LONGEST_PAUSE)

    async def close(self) -> None:
        """Frees connections; called after :meth:`run` was cancelled."""
        await self._rpc.close()

    async def history(self, subscription: str, interval: int | None) -> list[SubscriptionHistory]:
        """Returns what became of a subscription, on each chain that has it.

        Raises:
            UnknownSubscriptionError: if the node knows none of that id.
        """
        return await history_of(self._database, subscription, interval)

    async def income(self) -> list[Income]:
        """Returns what answers have earned, by chain, containers and token."""
        return await income_of(self._database, self.lookup.containers)

    async def accept_delegated(
        self, subscription: Subscription, signature: Signature, data: dict[str, Any]
    ) -> None:
        """Takes on a delegated subscription; once it returns the request is stored.

        Raises:
            RejectionError: if signature, signer, nonce or means of payment do not hold.
            NotAcceptingError: the chain cannot be asked now.
        """
        unreachable = NotAcceptingError(_UNREACHABLE)
        if self._session is None:
            raise unreachable
        try:
            await self._session.accept(subscription, signature, data)
        except RpcError as error:
            log.warning("Delegated request could not be checked", error=str(error))
            raise unreachable from error

    async def command(self, command: Command, subscription: str, interval: int) -> IntervalState:
        """Has an interval tried again, or dropped; returns what it is in then.

        Raises:
            UnknownSubscriptionError: there is no row of the interval.
            CommandRefusedError: the row's state or the chain's does not allow it.
            NotAcceptingError: the chain cannot be asked now.
        """
        if self._session is None or self._session.head < 0:
            raise NotAcceptingError(_UNREACHABLE)
        try:
            row = await self._session.commands.carry_out(command, subscription, interval)
        except RpcError as error:
            log.warning("Command could not be checked", command=command, error=str(error))
            raise NotAcceptingError(_UNREACHABLE) from error
        return IntervalState(row.interval, str(row.stage), row.reason)

    async def adopt(self) -> None:
        """Takes up delegated requests that other processes have accepted.

        Raises:
            SQLAlchemyError: the store is not available.
        """
        if self._session:
            await self._session.adopt()

    async def _connect(self) -> ChainSession:
        identity = await ChainIdentity.read(self._rpc, self._registry)
        log.info(
            "Connected to chain",
            chain_id=identity.chain_id,
            coordinator=identity.deployment.coordinator,
            address=self.address,
        )
        return ChainSession(
            rpc=self._rpc,
            identity=identity,
            account=self._account,
            database=self._database,
            lookup=self.lookup,
            compute=self._compute,
            settings=self._settings,
            reached=self._reached,
            metrics=self._metrics,
        )
