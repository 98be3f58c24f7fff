"""``infernet-node doctor``: what keeps this node from working, and what to do about it."""

import asyncio
import time
from collections.abc import AsyncIterator
from dataclasses import dataclass

import aiohttp
from eth_account import Account
from sqlalchemy import text
from sqlalchemy.exc import SQLAlchemyError

from infernet_node.chain.contracts import Deployment, Wallet, is_valid_wallet, read, read_all
from infernet_node.chain.header import Header
from infernet_node.chain.rpc import Rpc
from infernet_node.chain.rpc_errors import RevertError, RpcError
from infernet_node.chain.values import quantity
from infernet_node.config import ChainConfig, Config
from infernet_node.containers.endpoint import Endpoint, endpoints_of
from infernet_node.fleet.broker import Broker, BrokerError
from infernet_node.fleet.brokers import BrokerMissingError, broker_of
from infernet_node.fleet.messages import Message, Topic
from infernet_node.store.database import Database, StoreError, StoreNotReadyError

_SKEW = 60
"""Seconds that the newest block may differ from this machine's clock on a live chain."""
_DELIVERIES = 10
"""That the balance should pay for at least."""
_GAS = 300_000
"""Of one delivery, roughly."""
_SECONDS = 5.0


@dataclass(frozen=True, slots=True)
class Finding:
    """The outcome of one check."""

    subject: str
    text: str
    fix: str | None = None
    """What to do; ``None`` where all is well."""

    @property
    def line(self) -> str:
        mark = "ok  " if self.fix is None else "FAIL"
        fix = "" if self.fix is None else f"; {self.fix}"
        return f"{mark} {self.subject}: {self.text}{fix}"


async def examine(config: Config, runtime: str | None) -> list[Finding]:
    """Checks everything that the node depends on; needs no running node.

    Changes nothing: a store that is missing, or of an earlier version, is left to the node.

    Args:
        runtime: the environment variable ``RUNTIME``.
    """
    findings = [finding async for finding in _store(config)]
    findings += [finding async for finding in _broker(config)]
    if config.chain.enabled:
        findings += [finding async for finding in _chain(config.chain)]
    endpoints = endpoints_of(config.containers, runtime).values()
    async with aiohttp.ClientSession(timeout=aiohttp.ClientTimeout(total=_SECONDS)) as session:
        found = await asyncio.gather(*(_container(session, endpoint) for endpoint in endpoints))
    return [*findings, *(finding for each in found for finding in each)]


async def _store(config: Config) -> AsyncIterator[Finding]:
    try:
        database = await Database.open_to_read(config.store_url)
    except StoreNotReadyError as error:
        # A node that starts sees to it.
        yield Finding("store", str(error))
        return
    except StoreError as error:
        yield Finding("store", str(error), "set store.url, or make the folder writable")
        return
    try:
        async with database.transaction() as connection:
            await connection.execute(text("SELECT 1"))
        yield Finding("store", "can be opened")
    except SQLAlchemyError as error:
        yield Finding("store", f"does not answer ({type(error).__name__})", "see its own log")
    finally:
        await database.close()


async def _broker(config: Config) -> AsyncIterator[Finding]:
    if not config.store_is_shared:
        return
    try:
        broker = broker_of(config)
        if broker is None:
            yield Finding("broker", "none: processes find each other's work by looking for it")
            return
        await _hears_itself(broker)
        yield Finding("broker", f"{broker.label} passes messages on")
    except BrokerMissingError as error:
        yield Finding("broker", str(error), "install it on every machine of the fleet")
    except (BrokerError, TimeoutError) as error:
        yield Finding(
            "broker",
            f"{broker.label if broker else 'it'} passes nothing on ({error or 'no answer'})",
            "start it, or correct fleet.broker; until then work is found later than it could be",
        )


async def _hears_itself(broker: Broker) -> None:
    heard = asyncio.Event()
    message = Message("doctor", Topic.PING).encode()
    async with (
        asyncio.timeout(2 * _SECONDS),
        broker.connect(lambda raw: heard.set() if raw == message else None) as channel,
    ):
        await channel.publish(message)
        await heard.wait()


async def _chain(config: ChainConfig) -> AsyncIterator[Finding]:
    for url in config.rpc_urls:
        rpc = Rpc([url], timeout=_SECONDS)
        try:
            async for finding in _endpoint(rpc, config):
                yield finding
        except RpcError as error:
            yield Finding(
                "rpc", str(error), "start the endpoint, or name another one in chain.rpc_url"
            )
        finally:
            await rpc.close()


async def _endpoint(rpc: Rpc, config: ChainConfig) -> AsyncIterator[Finding]:
    chain_id = quantity(await rpc.call("eth_chainId"))
    head = Header.from_rpc(await rpc.call("eth_getBlockByNumber", "latest", False))
    yield Finding("rpc", f"answers for chain {chain_id}, block {head.number}")
    yield _clock(head)
    assert config.registry_address is not None, "the configuration is of an enabled chain"
    try:
        deployment = await Deployment.from_registry(rpc, config.registry_address)
    except RevertError:
        yield Finding(
            "registry",
            f"there is no Registry at {config.registry_address} on chain {chain_id}",
            "set chain.registry_address to the one of this chain, or chain.rpc_url to its chain",
        )
        return
    yield Finding("registry", f"names Coordinator {deployment.coordinator}")
    async for finding in _accounts(rpc, config, deployment):
        yield finding


def _clock(head: Header) -> Finding:
    behind = int(time.time()) - head.timestamp
    if abs(behind) <= _SKEW:
        return Finding("clock", f"{behind} s after the newest block")
    return Finding(
        "clock",
        f"the newest block is {abs(behind)} s {'old' if behind > 0 else 'in the future'}",
        "set this machine's clock, or see whether the endpoint still follows its chain "
        "(a development chain without new blocks is no trouble)",
    )


async def _accounts(
    rpc: Rpc, config: ChainConfig, deployment: Deployment
) -> AsyncIterator[Finding]:
    wallet = config.wallet
    if wallet is None or wallet.private_key is None:
        yield Finding("key", "none: this process sends no transactions")
        return
    address = str(Account.from_key(wallet.private_key.get_secret_value()).address)
    balance = quantity(await rpc.call("eth_getBalance", address, "latest"))
    price = quantity(await rpc.call("eth_gasPrice"))
    if balance >= price * _GAS * _DELIVERIES:
        yield Finding("balance", f"{address} has {balance / 10**18:.6f} of the native coin")
    else:
        yield Finding(
            "balance",
            f"{address} has {balance / 10**18:.6f} of the native coin",
            f"send it {price * _GAS * _DELIVERIES / 10**18:.6f} to pay for {_DELIVERIES} answers",
        )
    if wallet.payment_address is None:
        yield Finding("payment_address", "none: paid subscriptions are not served")
        return
    valid = await read(rpc, is_valid_wallet(deployment.wallet_factory, wallet.payment_address))
    if not valid:
        yield Finding(
            "payment_address",
            f"{wallet.payment_address} is no Wallet of this deployment",
            "create one with WalletFactory.createWallet and set chain.wallet.payment_address",
        )
        return
    (owner,) = await read_all(rpc, [Wallet(wallet.payment_address).owner()])
    if owner == address:
        yield Finding("payment_address", f"{wallet.payment_address} belongs to {address}")
    else:
        yield Finding(
            "payment_address",
            f"{wallet.payment_address} belongs to {owner}, so proofs cannot be backed",
            f"transfer it to {address}, or set a wallet of {address}",
        )


async def _container(session: aiohttp.ClientSession, endpoint: Endpoint) -> list[Finding]:
    subject = f"container {endpoint.id}"
    try:
        async with session.get(endpoint.base, headers=endpoint.headers) as response:
            if response.status >= 500:
                return [
                    Finding(subject, f"answers {response.status}", "see the container's own log")
                ]
    except (aiohttp.ClientError, OSError, TimeoutError) as error:
        return [
            Finding(
                subject,
                f"cannot be reached ({type(error).__name__})",
                "start it, or correct its url or port",
            )
        ]
    return [Finding(subject, "answers"), *await _behind(session, endpoint)]


async def _behind(session: aiohttp.ClientSession, endpoint: Endpoint) -> list[Finding]:
    """Whether what the container itself depends on is there, where it says so."""
    try:
        async with session.get(
            endpoint.base / "health/ready", headers=endpoint.headers
        ) as response:
            if response.status != 503:
                return []
            said = (await response.content.read(500)).decode(errors="replace")
    except (aiohttp.ClientError, OSError, TimeoutError):
        return []
    fix = "start the TGI server that it names, or correct TGI_INF_WORKFLOW_POSITIONAL_ARGS"
    return [Finding(f"container {endpoint.id}", f"is not ready: {said}", fix)]
