"""The rows of the gas table: what is measured, what infernet-sdk v1 takes for it, and our goal."""

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

from eth_typing import ChecksumAddress

from bench.gas.world import AMOUNT, FUNDS, SIGNER, Deed, World
from infernet_protocol.delegation import sign
from infernet_protocol.hashing import container_id
from infernet_protocol.subscription import ZERO_ADDRESS, Subscription
from scripts.accounts import ANVIL_CHAIN_ID, anvil_account

SHORT, LONG = 64, 1024
"""Bytes of inputs and outputs. Every byte differs from zero, the dear case."""
DELEGATE_CALL = 2_800
"""Gas by which a wallet behind a proxy may cost more: a cold account and the copying around it."""
FAR_FUTURE = 2**32 - 1


@dataclass(frozen=True, slots=True)
class Row:
    """One figure of the table."""

    name: str
    reference: int
    """Gas of infernet-sdk v1 (solc 0.8.30, IR, 1,000,000 runs, Cancun)."""
    goal: int
    """Gas that ours may take."""
    prepare: Callable[[World], Deed]
    """Brings about what the transaction needs, and returns the transaction."""


def payload(size: int) -> bytes:
    """Returns that many bytes, none of them zero."""
    return bytes(1 + index % 255 for index in range(size))


def _request(input_size: int, consumer: str = "CallbackBench") -> Callable[[World], Deed]:
    return lambda world: world.do(world.owner, consumer, "request", payload(input_size))


def _subscribe(world: World, **terms: Any) -> int:
    """Subscribes through the consumer; returns the id."""
    defaults = {
        "frequency": 1,
        "period": 0,
        "redundancy": 1,
        "lazy": False,
        "token": ZERO_ADDRESS,
        "amount": 0,
        "wallet": ZERO_ADDRESS,
        "verifier": ZERO_ADDRESS,
    }
    assert terms.keys() <= defaults.keys(), terms
    world.do(
        world.owner, "SubscriptionBench", "subscribe", tuple((defaults | terms).values())
    ).send()
    following: int = world.contracts["EIP712Coordinator"].functions.id().call()
    return following - 1


def _delivery(
    world: World,
    subscription: int,
    *,
    node: int = 0,
    size: int = SHORT,
    wallet: str = ZERO_ADDRESS,
) -> Deed:
    """An answer of ``size`` bytes, without input and proof, to interval 1."""
    return world.do(
        world.nodes[node],
        "EIP712Coordinator",
        "deliverCompute",
        subscription,
        1,
        b"",
        payload(size),
        b"",
        wallet,
    )


def _deliver_free(earlier: int = 0, size: int = SHORT) -> Callable[[World], Deed]:
    def prepare(world: World) -> Deed:
        subscription = _subscribe(world, redundancy=3 if earlier else 1)
        for node in range(earlier):
            _delivery(world, subscription, node=node, size=size).send()
        return _delivery(world, subscription, node=earlier, size=size)

    return prepare


def _deliver_lazily(earlier: int = 0, size: int = SHORT) -> Callable[[World], Deed]:
    def prepare(world: World) -> Deed:
        for _ in range(earlier):
            _delivery(world, _subscribe(world, lazy=True), size=size).send()
        return _delivery(world, _subscribe(world, lazy=True), size=size)

    return prepare


def _paid(world: World, verifier: str = "", token: str = "") -> Deed:
    subscription = _subscribe(
        world,
        token=world.contracts[token].address if token else ZERO_ADDRESS,
        amount=AMOUNT,
        wallet=world.contracts["consumer wallet"].address,
        verifier=world.contracts[verifier].address if verifier else ZERO_ADDRESS,
    )
    return _delivery(world, subscription, wallet=world.contracts["node wallet"].address)


def _verdict(valid: bool) -> Callable[[World], Deed]:
    def prepare(world: World) -> Deed:
        _paid(world, "OptimisticBench").send()
        verifier = world.contracts["OptimisticBench"].address
        # The row is the coordinator's function, so the verifier itself sends the transaction.
        world.anvil.rpc("anvil_impersonateAccount", verifier)
        world.anvil.rpc("anvil_setBalance", verifier, hex(FUNDS))
        subscription = world.contracts["EIP712Coordinator"].functions.id().call() - 1
        return world.do(
            verifier,
            "EIP712Coordinator",
            "finalizeProofVerification",
            subscription,
            1,
            world.nodes[0],
            valid,
        )

    return prepare


def _cancel(world: World) -> Deed:
    subscription = _subscribe(world, frequency=24, period=3600)
    return world.do(world.owner, "SubscriptionBench", "cancel", subscription)


def _deliver_delegated(earlier: int = 0) -> Callable[[World], Deed]:
    def prepare(world: World) -> Deed:
        for node in range(earlier):
            _delegated(world, world.nodes[node]).send()
        return _delegated(world, world.nodes[earlier])

    return prepare


def _delegated(world: World, node: ChecksumAddress) -> Deed:
    coordinator = world.contracts["EIP712Coordinator"].address
    subscription = Subscription(
        owner=world.contracts["SubscriptionBench"].address,
        active_at=0,
        period=0,
        frequency=1,
        redundancy=2,
        container_id=container_id(["container"]),
        lazy=False,
        verifier=ZERO_ADDRESS,
        payment_amount=0,
        payment_token=ZERO_ADDRESS,
        wallet=ZERO_ADDRESS,
    )
    signature = sign(
        subscription,
        nonce=0,
        expiry=FAR_FUTURE,
        chain_id=ANVIL_CHAIN_ID,
        coordinator=coordinator,
        private_key=anvil_account(SIGNER).key.hex(),
    )
    return world.do(
        node,
        "EIP712Coordinator",
        "deliverComputeDelegatee",
        signature.nonce,
        signature.expiry,
        subscription.to_abi(),
        signature.v,
        signature.r_bytes,
        signature.s_bytes,
        1,
        b"",
        payload(SHORT),
        b"",
        ZERO_ADDRESS,
    )


def _wallet(function: str, *arguments: Any) -> Callable[[World], Deed]:
    return lambda world: world.do(world.owner, "node wallet", function, *arguments)


ROWS = (
    Row("request free, 64 B input", 179_300, 172_000, _request(SHORT)),
    Row("request free, 1 KiB input", 860_335, 860_335, _request(LONG)),
    Row("request free, 1 KiB input as code", 860_335, 380_000, _request(LONG, "CompactBench")),
    Row("deliver free, 64 B output, redundancy 1", 94_085, 86_500, _deliver_free()),
    Row("deliver free, second of redundancy 3", 76_985, 69_500, _deliver_free(earlier=1)),
    Row("deliver free, third of redundancy 3", 76_985, 69_500, _deliver_free(earlier=2)),
    Row("deliver free, 1 KiB output", 109_620, 102_000, _deliver_free(size=LONG)),
    Row("deliver paid, ETH", 144_099, 132_000, _paid),
    Row("deliver paid, ERC20", 148_203, 136_000, lambda world: _paid(world, token="BenchToken")),
    Row("deliver lazy, 64 B, first item of a node", 217_645, 165_000, _deliver_lazily()),
    Row("deliver lazy, 64 B, later item", 200_545, 150_000, _deliver_lazily(earlier=1)),
    Row("deliver lazy, 1 KiB, later item", 881_754, 380_000, _deliver_lazily(1, LONG)),
    Row(
        "subscribe recurring, free",
        111_100,
        107_000,
        lambda world: world.do(world.owner, "SubscriptionBench", "subscribeHourly"),
    ),
    Row("cancel", 31_016, 31_016, _cancel),
    Row(
        "deliver, optimistic verifier, ETH",
        262_413,
        245_000,
        lambda world: _paid(world, "OptimisticBench"),
    ),
    Row(
        "deliver, atomic verifier, ETH", 231_477, 215_000, lambda world: _paid(world, "AtomicBench")
    ),
    Row("finalize valid, ETH", 77_304, 77_304, _verdict(True)),
    Row("finalize slashed, ETH", 77_304, 77_304, _verdict(False)),
    Row("delegated: create and deliver", 200_471, 192_000, _deliver_delegated()),
    Row("delegated: existing, second node", 83_022, 76_000, _deliver_delegated(earlier=1)),
    Row(
        "create wallet",
        755_330,
        200_000,
        lambda world: world.do(world.owner, "WalletFactory", "createWallet", world.owner),
    ),
    Row(
        "wallet approve",
        48_310,
        48_310 + DELEGATE_CALL,
        lambda world: world.do(
            world.owner, "node wallet", "approve", world.nodes[1], ZERO_ADDRESS, AMOUNT
        ),
    ),
    Row(
        "wallet withdraw, ETH",
        34_528,
        34_528 + DELEGATE_CALL,
        _wallet("withdraw", ZERO_ADDRESS, AMOUNT),
    ),
    Row(
        "deploy EIP712Coordinator",
        4_099_601,
        4_099_601,
        lambda world: world.creation("EIP712Coordinator", world.contracts["Registry"].address),
    ),
)
