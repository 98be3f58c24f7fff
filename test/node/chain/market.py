"""Who pays and who is paid: wallets, tokens, verifiers and the requests that use them."""

from dataclasses import dataclass
from typing import Any

from infernet_node.chain.contracts import Function
from infernet_protocol.output import encode_text
from infernet_protocol.subscription import ZERO_ADDRESS
from test.node.chain.world import CONTAINER, DEPLOYER, NODE, REQUESTER, Chain
from test.support.anvil import Anvil
from test.support.contracts import create

PRICE = 1_000
TERMS = "(string,uint32,uint32,uint16,bool,address,uint256,address,address)"


@dataclass(frozen=True)
class Terms:
    """What a paid request offers."""

    wallet: str
    token: str = ZERO_ADDRESS
    amount: int = PRICE
    verifier: str = ZERO_ADDRESS
    period: int = 0
    frequency: int = 1
    container: str = CONTAINER

    def values(self) -> tuple[Any, ...]:
        head = (self.container, self.frequency, self.period, 1, False)
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

    def paying_wallet(self, token: str = ZERO_ADDRESS, times: int = 10) -> str:
        """A wallet that can pay, and allows, the price so many times."""
        wallet = self.wallet(REQUESTER)
        self.fund(wallet, times * PRICE, token)
        self.approve(wallet, times * PRICE, token)
        return wallet

    def request(self, terms: Terms, question: str = "") -> int:
        function = Function("request", (TERMS, "bytes"), ("uint32",))
        arguments = (terms.values(), encode_text(question))
        return self.chain.created_by(self.chain.send(self.consumer, function, *arguments))

    def subscribe(self, terms: Terms) -> int:
        function = Function("subscribe", (TERMS,), ("uint32",))
        return self.chain.created_by(self.chain.send(self.consumer, function, terms.values()))

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
