"""Answers with a proof: collateral, verdicts, and what comes of them."""

import pytest
from eth_account.signers.local import LocalAccount

from infernet_node.chain.contracts import Function
from infernet_node.chain.income import Income
from infernet_node.config import ContainerConfig
from infernet_protocol.subscription import ZERO_ADDRESS
from test.node.chain.lane import send_elsewhere
from test.node.chain.market import PRICE, Market, Terms, token, verifier
from test.node.chain.world import CONTAINER, DEPLOYER, NODE, REQUESTER, Chain, Log, Node, Pipeline
from test.support.contracts import create


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


def give_verdict(chain: Chain, address: str, subscription_id: int, *, valid: bool) -> None:
    function = Function("verdict", ("uint32", "uint32", "address", "bool"))
    chain.send(address, function, subscription_id, 1, NODE, valid)
    chain.anvil.mine()


async def book(node: Node) -> Income:
    (only,) = await node.service.income()
    return only


async def payment(node: Node, subscription_id: int) -> str:
    (history,) = await node.service.history(str(subscription_id), None)
    assert history.intervals[0].payment is not None
    return history.intervals[0].payment.state


@pytest.mark.parametrize(
    ("valid", "verdict", "earned", "slashed"),
    [(True, "paid", PRICE, 0), (False, "slashed", 0, PRICE)],
)
async def test_a_verdict_decides_about_income(
    chain: Chain,
    market: Market,
    paid_node: Node,
    log: Log,
    valid: bool,
    verdict: str,
    earned: int,
    slashed: int,
) -> None:
    market.fund(paid_node.wallet["payment_address"], 5 * PRICE)
    optimistic = verifier(chain, mode=0)
    id_ = market.request(Terms(market.paying_wallet(), verifier=optimistic))
    await paid_node.until(lambda: log.has("interval answered"))
    assert await payment(paid_node, id_) == "awaiting a verdict"
    assert await book(paid_node) == Income(
        (await book(paid_node)).network, CONTAINER, ZERO_ADDRESS, answers=1, awaiting=PRICE
    )
    assert paid_node.figure("infernet_chain_income_total") == 0

    give_verdict(chain, optimistic, id_, valid=valid)
    await paid_node.until(lambda: log.has(f"proof settled.*verdict={verdict}"))

    assert await payment(paid_node, id_) == verdict
    found = await book(paid_node)
    assert (found.answers, found.earned, found.slashed, found.awaiting) == (1, earned, slashed, 0)
    assert paid_node.figure("infernet_chain_income_total") == earned
    assert paid_node.figure("infernet_chain_slashed_total") == slashed


async def test_a_verdict_in_the_delivery_itself_is_heard(
    chain: Chain, market: Market, paid_node: Node, log: Log
) -> None:
    market.fund(paid_node.wallet["payment_address"], 5 * PRICE)
    id_ = market.request(Terms(market.paying_wallet(), verifier=verifier(chain, mode=1)))

    await paid_node.until(lambda: log.has("interval answered") and log.has("verdict=paid"))

    assert await payment(paid_node, id_) == "paid"
    assert (await book(paid_node)).earned == PRICE


async def test_a_verdict_given_while_the_node_was_down_is_heard_later(
    chain: Chain, market: Market, paid_node: Node, log: Log
) -> None:
    market.fund(paid_node.wallet["payment_address"], 5 * PRICE)
    optimistic = verifier(chain, mode=0)
    id_ = market.request(Terms(market.paying_wallet(), verifier=optimistic))
    await paid_node.until(lambda: log.has("interval answered"))
    await paid_node.stop()
    give_verdict(chain, optimistic, id_, valid=False)
    chain.anvil.mine(3)

    await paid_node.start()
    await paid_node.until(lambda: log.has("proof settled"))

    assert await payment(paid_node, id_) == "slashed"


async def test_a_verdict_that_a_reorganisation_takes_back_is_awaited_again(
    chain: Chain, market: Market, paid_node: Node, log: Log
) -> None:
    market.fund(paid_node.wallet["payment_address"], 5 * PRICE)
    optimistic = verifier(chain, mode=0)
    id_ = market.request(Terms(market.paying_wallet(), verifier=optimistic))
    await paid_node.until(lambda: log.has("interval answered"))
    before = chain.anvil.rpc("evm_snapshot")
    give_verdict(chain, optimistic, id_, valid=False)
    await paid_node.until(lambda: log.has("verdict=slashed"))

    chain.reorganise(before)
    await paid_node.until(lambda: log.has("chain reorganised"))
    while await payment(paid_node, id_) == "slashed":
        chain.anvil.mine()
    assert await payment(paid_node, id_) == "awaiting a verdict"
    give_verdict(chain, optimistic, id_, valid=True)
    await paid_node.until(lambda: log.has("verdict=paid"))

    assert (await book(paid_node)).earned == PRICE


async def test_claiming_is_tried_again_after_a_failure(
    chain: Chain, market: Market, paid_node: Node, log: Log, account: LocalAccount
) -> None:
    own = paid_node.wallet["payment_address"]
    market.fund(own, 5 * PRICE)
    market.request(Terms(market.paying_wallet(), verifier=verifier(chain, mode=0)))
    await paid_node.until(lambda: log.has("interval answered"))
    chain.anvil.mine_at(chain.anvil.timestamp + 7 * 86400)
    await paid_node.until(lambda: log.has("finalising proof"), mine=False)
    # Somebody else uses the nonce that the claim was signed for.
    chain.anvil.rpc("anvil_dropAllTransactions")
    send_elsewhere(chain.anvil, account, chain.nonce_of(NODE))
    chain.anvil.mine()
    assert not market.withdrawable_by_node(own, 5 * PRICE)

    settled = chain.anvil.number + 5
    await paid_node.until(lambda: chain.anvil.number > settled)
    chain.anvil.mine_at(chain.anvil.timestamp + 700)
    await paid_node.until(lambda: market.withdrawable_by_node(own, 6 * PRICE))

    assert log.count("finalising proof") == 2


async def test_income_stays_apart_by_token_and_outlives_the_process(
    chain: Chain, market: Market, paid_node: Node, log: Log
) -> None:
    currency = token(chain.anvil)
    for offered in (ZERO_ADDRESS, ZERO_ADDRESS, currency):
        market.request(Terms(market.paying_wallet(offered), token=offered))
    await paid_node.until(lambda: log.count("interval answered") == 3)

    await paid_node.restart()

    found = {income.token: income.earned for income in await paid_node.service.income()}
    assert found == {ZERO_ADDRESS: 2 * PRICE, currency: PRICE}


async def test_money_that_is_locked_for_another_proof_is_not_counted_on(
    chain: Chain, market: Market, paid_node: Node, pipeline: Pipeline, log: Log
) -> None:
    market.fund(paid_node.wallet["payment_address"], 5 * PRICE)
    optimistic = verifier(chain, mode=0)
    wallet = market.wallet(REQUESTER)
    market.fund(wallet, PRICE + PRICE // 2)
    market.approve(wallet, 10 * PRICE)
    first = market.request(Terms(wallet, verifier=optimistic))
    await paid_node.until(lambda: log.has("interval answered"))
    assert market.balance(wallet) >= PRICE  # and most of it is locked

    for terms in (Terms(wallet), Terms(wallet, verifier=optimistic)):
        market.request(terms)
    await paid_node.until(lambda: log.count("insufficient funds") >= 2)
    assert len(pipeline.runs) == 1

    give_verdict(chain, optimistic, first, valid=False)
    market.fund(wallet, 5 * PRICE)
    await paid_node.until(lambda: chain.deliveries() == 3)

    assert chain.reverted() == 0


async def test_without_collateral_of_its_own_the_node_computes_nothing_that_needs_it(
    chain: Chain, market: Market, paid_node: Node, pipeline: Pipeline, log: Log
) -> None:
    own = paid_node.wallet["payment_address"]
    market.request(Terms(market.paying_wallet(), verifier=verifier(chain, mode=1)))
    await paid_node.until(lambda: log.has("insufficient funds"))
    assert pipeline.runs == []

    market.fund(own, PRICE)
    await paid_node.until(lambda: chain.deliveries() == 1)

    assert market.withdrawable_by_node(own, 2 * PRICE)
    assert chain.reverted() == 0
