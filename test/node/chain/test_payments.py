"""Money: no work without the means to pay, collateral where a proof is asked, income in the end."""

from dataclasses import dataclass
from typing import Any

import pytest

from infernet_node.chain.contracts import Function
from infernet_node.config import ContainerConfig
from infernet_protocol.subscription import ZERO_ADDRESS
from test.node.chain.world import CONTAINER, DEPLOYER, NODE, REQUESTER, Chain, Log, Node, Pipeline
from test.support.anvil import Anvil
from test.support.contracts import create

PRICE = 1_000
TERMS = "(string,uint32,uint32,uint16,bool,address,uint256,address,address)"
OTHER_TOKEN = "0x" + "77" * 20


@dataclass(frozen=True)
class Terms:
    """What a paid request offers."""

    wallet: str
    token: str = ZERO_ADDRESS
    amount: int = PRICE
    verifier: str = ZERO_ADDRESS
    period: int = 0
    frequency: int = 1

    def values(self) -> tuple[Any, ...]:
        head = (CONTAINER, self.frequency, self.period, 1, False)
        return (*head, self.token, self.amount, self.wallet, self.verifier)


@dataclass
class Market:
    """A paying consumer with its wallet, and the node's wallet."""

    chain: Chain

    @property
    def consumer(self) -> str:
        return self.chain.contracts["RecordingConsumer"]

    def wallet(self, owner: str) -> str:
        factory = self.chain.contracts["WalletFactory"]
        function = Function("createWallet", ("address",), ("address",))
        address = str(self.chain.call(factory, function, owner))
        self.chain.send(factory, function, owner)
        self.chain.anvil.mine()
        return address

    def fund(self, wallet: str, amount: int, token: str = ZERO_ADDRESS) -> None:
        if token == ZERO_ADDRESS:
            self.chain.anvil.rpc("anvil_setBalance", wallet, hex(amount))
        else:
            self.chain.send(token, Function("mint", ("address", "uint256")), wallet, amount)
            self.chain.anvil.mine()

    def approve(self, wallet: str, amount: int, token: str = ZERO_ADDRESS) -> None:
        function = Function("approve", ("address", "address", "uint256"))
        self.chain.send(wallet, function, self.consumer, token, amount)
        self.chain.anvil.mine()

    def paying_wallet(self, token: str = ZERO_ADDRESS) -> str:
        wallet = self.wallet(REQUESTER)
        self.fund(wallet, 10 * PRICE, token)
        self.approve(wallet, 10 * PRICE, token)
        return wallet

    def request(self, terms: Terms) -> int:
        function = Function("request", (TERMS, "bytes"), ("uint32",))
        inputs = bytes.fromhex("00" * 31 + "20" + "00" * 64)
        self.chain.send(self.consumer, function, terms.values(), inputs)
        self.chain.anvil.mine()
        return self.chain.next_id - 1

    def subscribe(self, terms: Terms) -> int:
        function = Function("subscribe", (TERMS,), ("uint32",))
        self.chain.send(self.consumer, function, terms.values())
        self.chain.anvil.mine()
        return self.chain.next_id - 1

    def balance(self, wallet: str, token: str = ZERO_ADDRESS) -> int:
        if token == ZERO_ADDRESS:
            return int(self.chain.anvil.rpc("eth_getBalance", wallet, "latest"), 16)
        function = Function("balanceOf", ("address",), ("uint256",))
        return int(self.chain.call(token, function, wallet))

    def withdrawable_by_node(self, wallet: str, amount: int) -> bool:
        """Whether the node's wallet has so much that no escrow locks."""
        function = Function("withdraw", ("address", "uint256"))
        data = "0x" + function.encode(ZERO_ADDRESS, amount).hex()
        call = {"from": NODE, "to": wallet, "data": data}
        try:
            self.chain.anvil.rpc("eth_call", call, "latest")
        except AssertionError:
            return False
        return True


def token(anvil: Anvil) -> str:
    return create(anvil, DEPLOYER, "TestToken", source="Tokens.sol")


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


def verifier(chain: Chain, mode: int) -> str:
    """A TestVerifier for the native coin. Mode 0 is optimistic, 1 says yes at once."""
    registry = chain.contracts["Registry"]
    address = create(
        chain.anvil, DEPLOYER, "TestVerifier", ("address", "address"), (registry, DEPLOYER)
    )
    chain.send(address, Function("support", ("address", "uint256")), ZERO_ADDRESS, 0)
    chain.send(address, Function("set", ("uint8",)), mode)
    chain.anvil.mine()
    return address


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
