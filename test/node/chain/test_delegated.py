"""Signed subscriptions that a client brings: verified, answered once, then like any other."""

from dataclasses import replace
from typing import Any

import pytest

from infernet_node.admission import NotAcceptingError
from infernet_node.chain.rpc import Rpc
from infernet_node.chain.rpc_errors import TransportError
from infernet_node.ports import RejectionError
from infernet_protocol.delegation import Signature, sign
from infernet_protocol.hashing import container_id
from infernet_protocol.messages import JobLocation
from infernet_protocol.subscription import ZERO_ADDRESS, Subscription
from test.node.chain.world import CONTAINER, SIGNER_KEY, Chain, Log, Node, Pipeline
from test.support.anvil import CHAIN_ID, KEYS

DATA: dict[str, Any] = {"text": "signed and sealed"}


def subscription(chain: Chain, **fields: Any) -> Subscription:
    terms = Subscription(
        owner=chain.contracts["DelegatedChat"],
        active_at=chain.anvil.timestamp,
        period=0,
        frequency=1,
        redundancy=1,
        container_id=container_id(CONTAINER),
        lazy=False,
        verifier=ZERO_ADDRESS,
        payment_amount=0,
        payment_token=ZERO_ADDRESS,
        wallet=ZERO_ADDRESS,
    )
    return replace(terms, **fields)


def signed(chain: Chain, terms: Subscription, nonce: int = 7, key: str = SIGNER_KEY) -> Signature:
    return sign(
        terms,
        nonce=nonce,
        expiry=chain.anvil.timestamp + 1_000,
        chain_id=CHAIN_ID,
        coordinator=chain.contracts["EIP712Coordinator"],
        private_key=key,
    )


@pytest.fixture
async def ready(node: Node) -> Node:
    await node.until(lambda: node.service.status == "ready")
    return node


async def test_a_signed_request_is_created_and_answered_in_one_transaction(
    chain: Chain, ready: Node, pipeline: Pipeline, log: Log
) -> None:
    terms = subscription(chain)

    await ready.service.accept_delegated(terms, signed(chain, terms), DATA)
    await ready.until(lambda: chain.deliveries() == 1)
    await ready.until(lambda: chain.anvil.number > 25)

    assert chain.scheduled_answer(1, 1, "DelegatedChat") == "echo: signed and sealed"
    assert (chain.deliveries(1), len(pipeline.runs)) == (1, 1)
    assert pipeline.runs[0] == {
        "containers": (CONTAINER,),
        "source": JobLocation.OFFCHAIN,
        "data": DATA,
    }
    assert chain.reverted() == 0
    assert log.has("relayed subscription creation.*id=1")


async def test_w_26_later_intervals_continue_with_inputs_from_the_chain(
    chain: Chain, ready: Node, pipeline: Pipeline
) -> None:
    terms = subscription(chain, period=10, frequency=2)

    await ready.service.accept_delegated(terms, signed(chain, terms), DATA)
    await ready.until(lambda: chain.deliveries() == 2)
    await ready.until(lambda: chain.anvil.number > 50)

    assert chain.scheduled_answer(1, 1, "DelegatedChat") == "echo: signed and sealed"
    assert chain.scheduled_answer(1, 2, "DelegatedChat") == "echo: (no input)"
    assert [run["source"] for run in pipeline.runs] == [JobLocation.OFFCHAIN, JobLocation.ONCHAIN]
    assert chain.deliveries() == 2
    assert chain.reverted() == 0


@pytest.mark.parametrize(
    "point", [None, "inputs recorded", "output recorded", "transaction signed", "transaction sent"]
)
async def test_w_15_an_accepted_request_survives_a_kill(
    chain: Chain, ready: Node, pipeline: Pipeline, point: str | None
) -> None:
    ready.die_at = point
    terms = subscription(chain)
    await ready.service.accept_delegated(terms, signed(chain, terms), DATA)
    await ready.until(lambda: ready.is_dead or point is None)

    await ready.restart()
    await ready.until(lambda: chain.deliveries() == 1)
    await ready.until(lambda: chain.anvil.number > 30)

    assert chain.scheduled_answer(1, 1, "DelegatedChat") == "echo: signed and sealed"
    assert chain.deliveries() == 1
    assert chain.reverted() == 0


async def test_a_request_that_is_not_active_yet_waits(
    chain: Chain, ready: Node, pipeline: Pipeline
) -> None:
    terms = subscription(chain, active_at=chain.anvil.timestamp + 10)
    await ready.service.accept_delegated(terms, signed(chain, terms), DATA)
    await ready.restart()
    await ready.until(lambda: chain.anvil.timestamp > terms.active_at - 3)
    assert pipeline.runs == []

    await ready.until(lambda: chain.deliveries() == 1)

    assert chain.reverted() == 0


async def test_repeating_a_request_is_no_second_request(
    chain: Chain, ready: Node, pipeline: Pipeline
) -> None:
    terms = subscription(chain)
    signature = signed(chain, terms)

    for _ in range(3):
        await ready.service.accept_delegated(terms, signature, DATA)
    await ready.until(lambda: chain.deliveries() == 1)
    await ready.service.accept_delegated(terms, signature, DATA)
    await ready.until(lambda: chain.anvil.number > 30)

    assert (chain.deliveries(), len(pipeline.runs)) == (1, 1)


async def test_w_8_the_first_data_for_a_nonce_wins(
    chain: Chain, ready: Node, pipeline: Pipeline
) -> None:
    terms = subscription(chain)
    signature = signed(chain, terms)
    await ready.service.accept_delegated(terms, signature, DATA)

    with pytest.raises(RejectionError, match="Nonce already used"):
        await ready.service.accept_delegated(terms, signature, {"text": "something else"})
    await ready.until(lambda: chain.deliveries() == 1)

    assert chain.scheduled_answer(1, 1, "DelegatedChat") == "echo: signed and sealed"


async def test_a_nonce_that_created_other_terms_is_refused(
    chain: Chain, ready: Node, tmp_path: Any
) -> None:
    terms = subscription(chain)
    await ready.service.accept_delegated(terms, signed(chain, terms), DATA)
    await ready.until(lambda: chain.deliveries() == 1)
    other = Node(chain, f"sqlite+aiosqlite:///{tmp_path / 'other.sqlite'}", Pipeline(), key=KEYS[0])
    await other.start()
    await other.until(lambda: other.service.status == "ready")
    different = replace(terms, redundancy=5)

    with pytest.raises(RejectionError, match="Nonce already used"):
        await other.service.accept_delegated(different, signed(chain, different), DATA)
    await other.stop()


async def test_a_second_node_serves_the_same_signature(
    chain: Chain, ready: Node, tmp_path: Any
) -> None:
    terms = subscription(chain, redundancy=2)
    signature = signed(chain, terms)
    await ready.service.accept_delegated(terms, signature, DATA)
    await ready.until(lambda: chain.deliveries(1) == 1)
    other = Node(chain, f"sqlite+aiosqlite:///{tmp_path / 'other.sqlite'}", Pipeline(), key=KEYS[0])
    await other.start()
    await other.until(lambda: other.service.status == "ready")

    await other.service.accept_delegated(terms, signature, DATA)
    await other.until(lambda: chain.deliveries(1) == 2)
    await other.until(lambda: chain.anvil.number > 40)
    await other.stop()

    assert chain.next_id == 2
    assert chain.deliveries() == 2


@pytest.mark.parametrize(
    ("fields", "key", "error"),
    [
        ({}, KEYS[0], "Subscription signer mismatch"),
        ({"owner": "0x" + "42" * 20}, SIGNER_KEY, "Subscription signer mismatch"),
        ({"container_id": bytes(32)}, SIGNER_KEY, "Container not supported"),
        ({"active_at": 2**32 - 1}, SIGNER_KEY, "Subscription completed"),
        ({"active_at": 1, "period": 1}, SIGNER_KEY, "Subscription completed"),
        ({"payment_amount": 10**18}, SIGNER_KEY, "Invalid payment"),
    ],
)
async def test_w_7_what_does_not_hold_is_refused_before_it_is_stored(
    chain: Chain,
    ready: Node,
    pipeline: Pipeline,
    fields: dict[str, Any],
    key: str,
    error: str,
) -> None:
    terms = subscription(chain, **fields)

    with pytest.raises(RejectionError) as refused:
        await ready.service.accept_delegated(terms, signed(chain, terms, key=key), DATA)
    await ready.restart()
    await ready.until(lambda: chain.anvil.number > 25)

    assert refused.value.error == error
    assert pipeline.runs == []


async def test_w_9_an_expired_signature_is_refused_by_chain_time(chain: Chain, ready: Node) -> None:
    terms = subscription(chain)
    signature = signed(chain, terms)
    chain.anvil.mine_at(signature.expiry)
    await ready.until(lambda: chain.anvil.number > 20)

    with pytest.raises(RejectionError, match="Signature expired"):
        await ready.service.accept_delegated(terms, signature, DATA)


@pytest.mark.parametrize("part", [{"r": 0}, {"v": 5}, {"s": 2**256}])
async def test_something_that_is_no_signature_is_refused(
    chain: Chain, ready: Node, part: dict[str, int]
) -> None:
    terms = subscription(chain)

    with pytest.raises(RejectionError, match="Invalid signature"):
        await ready.service.accept_delegated(terms, replace(signed(chain, terms), **part), DATA)


async def test_without_the_chain_nothing_is_accepted(
    chain: Chain, ready: Node, monkeypatch: pytest.MonkeyPatch
) -> None:
    async def unreachable(self: Rpc, requests: Any) -> list[Any]:
        raise TransportError("connection failed")

    terms = subscription(chain)
    monkeypatch.setattr(Rpc, "batch", unreachable)

    with pytest.raises(NotAcceptingError):
        await ready.service.accept_delegated(terms, signed(chain, terms), DATA)
