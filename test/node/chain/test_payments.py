"""Money: no work without the means to pay, and income in the end."""

import pytest

from infernet_protocol.subscription import ZERO_ADDRESS
from test.node.chain.market import PRICE, Market, Terms, token
from test.node.chain.world import DEPLOYER, REQUESTER, Chain, Log, Node, Pipeline
from test.support.contracts import create

OTHER_TOKEN = "0x" + "77" * 20


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
