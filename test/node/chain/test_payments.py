"""Money: no work without the means to pay, collateral where a proof is asked, income in the end."""

import pytest

from infernet_node.config import ContainerConfig
from infernet_protocol.subscription import ZERO_ADDRESS
from test.node.chain.market import PRICE, Market, Terms, token, verifier
from test.node.chain.world import CONTAINER, DEPLOYER, NODE, REQUESTER, Chain, Log, Node, Pipeline
from test.support.contracts import create

OTHER_TOKEN = "0x" + "77" * 20


@pytest.fixture
def market(chain: Chain) -> Market:
    return Market(chain)


@pytest.fixture
async def paid_node(market: Market, node: Node) -> Node:
    """The node with a wallet to be paid to."""
    await node.stop()
    own = market.wallet(NODE)
    node.wallet = {"payment_address": own}
    node.containers = [
        ContainerConfig(id=CONTAINER, url="http://unused.invalid", generates_proofs=True)
    ]
    await node.start()
    return node


@pytest.mark.parametrize("in_token", [False, True])
async def test_an_answer_is_paid(
    chain: Chain, market: Market, paid_node: Node, in_token: bool
) -> None:
    currency = token(chain.anvil) if in_token else ZERO_ADDRESS
    market.request(Terms(market.paying_wallet(currency), token=currency))

    await paid_node.until(lambda: chain.deliveries() == 1)

    assert market.balance(paid_node.wallet["payment_address"], currency) == PRICE
    assert chain.reverted() == 0


async def test_without_a_wallet_of_its_own_the_node_ignores_paid_requests(
    market: Market, node: Node, pipeline: Pipeline, log: Log
) -> None:
    id_ = market.request(Terms(market.paying_wallet()))

    await node.until(
        lambda: log.has(f"skipping subscription: {id_}: no payment address provided for the node")
    )

    assert pipeline.runs == []


async def test_a_wallet_without_balance_is_waited_for_and_nothing_is_computed(
    chain: Chain, market: Market, paid_node: Node, pipeline: Pipeline, log: Log
) -> None:
    wallet = market.wallet(REQUESTER)
    market.approve(wallet, PRICE)
    market.request(Terms(wallet))
    await paid_node.until(lambda: log.has(f"subscription wallet.*insufficient balance.*{wallet}"))
    assert pipeline.runs == []

    market.fund(wallet, PRICE)
    await paid_node.until(lambda: chain.deliveries() == 1)

    assert chain.reverted() == 0


async def test_w_25_a_wallet_without_allowance_is_waited_for_and_nothing_is_computed(
    chain: Chain, market: Market, paid_node: Node, pipeline: Pipeline, log: Log
) -> None:
    wallet = market.wallet(REQUESTER)
    market.fund(wallet, PRICE)
    market.request(Terms(wallet))
    await paid_node.until(lambda: log.has("insufficient allowance"))
    assert pipeline.runs == []

    market.approve(wallet, PRICE)
    await paid_node.until(lambda: chain.deliveries() == 1)

    assert chain.reverted() == 0


async def test_a_wallet_from_elsewhere_ends_the_subscription(
    chain: Chain, market: Market, paid_node: Node, pipeline: Pipeline, log: Log
) -> None:
    registry = chain.contracts["Registry"]
    foreign = create(chain.anvil, DEPLOYER, "Wallet", ("address", "address"), (registry, REQUESTER))
    market.fund(foreign, PRICE)
    market.approve(foreign, PRICE)
    id_ = market.subscribe(Terms(foreign, period=5, frequency=10))

    await paid_node.until(lambda: log.has(f"stopped tracking subscription.*{id_}"))
    await paid_node.until(lambda: chain.anvil.number > 50)

    assert log.has("invalid subscription wallet")
    assert pipeline.runs == []


@pytest.mark.parametrize(
    ("accepted", "pattern"),
    [
        ({OTHER_TOKEN: 0}, f"skipping subscription.*token {ZERO_ADDRESS} not accepted"),
        (
            {ZERO_ADDRESS: PRICE + 1},
            f"skipping subscription.*token {ZERO_ADDRESS} below minimum payment requirements",
        ),
    ],
)
async def test_an_offer_that_is_not_good_enough_is_ignored(
    market: Market,
    paid_node: Node,
    pipeline: Pipeline,
    log: Log,
    accepted: dict[str, int],
    pattern: str,
) -> None:
    await paid_node.stop()
    paid_node.containers = [
        container.model_copy(update={"accepted_payments": accepted})
        for container in paid_node.containers
    ]
    await paid_node.start()
    market.request(Terms(market.paying_wallet()))

    await paid_node.until(lambda: log.has(pattern))

    assert pipeline.runs == []


async def test_a_proof_is_backed_by_collateral_and_paid_when_it_holds(
    chain: Chain, market: Market, paid_node: Node
) -> None:
    own = paid_node.wallet["payment_address"]
    market.fund(own, 5 * PRICE)
    market.request(Terms(market.paying_wallet(), verifier=verifier(chain, mode=1)))

    await paid_node.until(lambda: chain.deliveries() == 1)

    assert market.withdrawable_by_node(own, 6 * PRICE)
    assert chain.reverted() == 0


async def test_w_23_two_proofs_at_once_do_not_overwrite_each_others_allowance(
    chain: Chain, market: Market, paid_node: Node
) -> None:
    own = paid_node.wallet["payment_address"]
    market.fund(own, 5 * PRICE)
    optimistic = verifier(chain, mode=0)
    wallet = market.paying_wallet()
    for _ in range(2):
        market.request(Terms(wallet, verifier=optimistic))

    await paid_node.until(lambda: chain.deliveries() == 2)
    await paid_node.until(lambda: chain.anvil.number > 40)

    assert market.withdrawable_by_node(own, 3 * PRICE)
    assert not market.withdrawable_by_node(own, 3 * PRICE + 1)
    assert chain.reverted() == 0
    # One approval covers both deliveries.
    assert chain.nonce_of(NODE) == 3


async def test_w_37_collateral_that_no_verdict_came_for_is_claimed_after_a_week(
    chain: Chain, market: Market, paid_node: Node, log: Log
) -> None:
    own = paid_node.wallet["payment_address"]
    market.fund(own, 5 * PRICE)
    market.request(Terms(market.paying_wallet(), verifier=verifier(chain, mode=0)))
    await paid_node.until(lambda: log.has("interval answered"))
    assert not market.withdrawable_by_node(own, 5 * PRICE)

    chain.anvil.mine_at(chain.anvil.timestamp + 7 * 86400)
    await paid_node.until(lambda: market.withdrawable_by_node(own, 6 * PRICE))
    chain.anvil.mine_at(chain.anvil.timestamp + 3600)
    await paid_node.until(lambda: log.has("proof settled"))

    assert log.count("finalising proof") == 1
    assert chain.reverted() == 0


async def test_a_verifier_that_does_not_take_the_token_ends_a_callback(
    chain: Chain, market: Market, paid_node: Node, log: Log
) -> None:
    own = paid_node.wallet["payment_address"]
    market.fund(own, 5 * PRICE)
    registry = chain.contracts["Registry"]
    picky = create(
        chain.anvil, DEPLOYER, "TestVerifier", ("address", "address"), (registry, DEPLOYER)
    )
    market.request(Terms(market.paying_wallet(), verifier=picky))

    await paid_node.until(lambda: log.has("unsupported verifier token"))
    await paid_node.until(lambda: log.has("stopped tracking subscription"))

    assert chain.deliveries() == 0


async def test_a_proof_that_no_container_makes_is_not_promised(
    chain: Chain, market: Market, paid_node: Node, pipeline: Pipeline, log: Log
) -> None:
    await paid_node.stop()
    paid_node.containers = [ContainerConfig(id=CONTAINER, url="http://unused.invalid")]
    await paid_node.start()
    id_ = market.request(Terms(market.paying_wallet(), verifier=verifier(chain, mode=1)))

    await paid_node.until(
        lambda: log.has(f"ignored subscription creation.*{id_}.*container does not generate proof")
    )

    assert pipeline.runs == []
