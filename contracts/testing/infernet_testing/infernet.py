"""The contracts on a chain of the tests' own, and a node that does as it is told."""

from collections.abc import Sequence
from pathlib import Path
from typing import Any, Generic, Protocol, TypeVar

from infernet_protocol.output import output_from_text
from infernet_protocol.registry import planned_addresses
from infernet_protocol.subscription import ZERO_ADDRESS, Subscription
from infernet_testing import artifacts
from infernet_testing.artifacts import Artifact
from infernet_testing.reverts import Refusal, RevertedError, explain

Account = TypeVar("Account")
"""An account as the chain's library has it: an address for web3, an account object for ape."""
Contract = TypeVar("Contract")
"""A contract as the chain's library has it."""


class Chain(Protocol[Account, Contract]):
    """What a library for contracts has to offer to the kit."""

    @property
    def accounts(self) -> Sequence[Account]:
        """Funded accounts, at least ten."""

    def address(self, item: Any) -> str:
        """Returns the address of an account or a contract."""

    def nonce(self, account: Account) -> int:
        """Returns the nonce of the account's next transaction."""

    def create(self, artifact: Artifact, args: Sequence[Any], by: Account) -> Contract:
        """Deploys a contract; raises :class:`RevertedError`."""

    def at(self, address: str, name: str) -> Contract:
        """Returns a contract of the core."""

    def read(self, contract: Contract, function: str, *args: Any) -> Any:
        """Calls a view."""

    def send(self, contract: Contract, function: str, *args: Any, by: Account) -> None:
        """Sends a transaction and mines it; raises :class:`RevertedError`."""

    def pay(self, address: str, wei: int, by: Account) -> None:
        """Sends native coin."""

    def balance(self, address: str) -> int:
        """Returns the native coin of an address, wei."""

    def now(self) -> int:
        """Returns the timestamp that the next transaction has at least, UNIX seconds."""

    def wait_until(self, timestamp: int) -> None:
        """Moves the clock forward."""

    def abi_at(self, address: str) -> Sequence[dict[str, Any]]:
        """Returns the ABI of a contract, empty if it is not known."""


class RefusedError(AssertionError):
    """A test's step was expected to succeed and was reverted, or the other way round."""


class Infernet(Generic[Account, Contract]):
    """The core, freshly deployed with a protocol fee of zero, and a node.

    Of the chain's accounts the second is the node and the third deployed; the first and the fourth
    to tenth are the test's.
    """

    def __init__(self, chain: Chain[Account, Contract]) -> None:
        self.chain = chain
        self.accounts = chain.accounts
        self.node: Account = chain.accounts[1]
        """Answers unless another account is named."""
        self.deployer: Account = chain.accounts[2]
        """Owns ``fee`` and receives the protocol's share."""
        self._deploy_core()
        self.node_wallet: Contract = self.create_wallet(self.node)
        """Receives what is paid for answers. The node owns it, and allows itself nothing."""

    def _deploy_core(self) -> None:
        chain, by = self.chain, self.deployer
        planned = planned_addresses(chain.address(by), chain.nonce(by))
        self.registry = chain.create(artifacts.core("Registry"), list(planned.values()), by)
        core = {name: chain.create(artifacts.core(name), self._args(name), by) for name in planned}
        assert {name: chain.address(created) for name, created in core.items()} == planned
        self.coordinator = core["EIP712Coordinator"]
        self.inbox = core["Inbox"]
        self.reader = core["Reader"]
        self.fee = core["Fee"]
        self.wallet_factory = core["WalletFactory"]

    def _args(self, name: str) -> Sequence[Any]:
        if name == "Fee":
            return (self.chain.address(self.deployer), 0)
        return (self.chain.address(self.registry),)

    def deploy(self, artifact: str | Path, *args: Any, by: Account | None = None) -> Contract:
        """Deploys a contract from the file that a compiler wrote, e.g. ``out/Chat.sol/Chat.json``.

        Args:
            args: of the constructor; contracts stand for their addresses. A consumer's is
                ``infernet.registry``, as a rule.
            by: sender, the first account by default.

        Raises:
            ArtifactError: if the file is no deployable artifact.
            RefusedError: if the constructor reverts.
        """
        loaded = artifacts.load(artifact)
        try:
            return self.chain.create(loaded, args, self._or_first(by))
        except RevertedError as error:
            reason = explain(error.data, loaded.abi)
            raise RefusedError(f"the constructor of {loaded.name} reverted: {reason}") from None

    def create_wallet(self, owner: Account) -> Contract:
        """Creates a wallet of the factory, which alone can pay and be paid."""
        chain, to = self.chain, self.chain.address(owner)
        address = chain.read(self.wallet_factory, "createWallet", to)
        chain.send(self.wallet_factory, "createWallet", to, by=self.deployer)
        return chain.at(address, "Wallet")

    def funded_wallet(self, spender: Any, wei: int) -> Contract:
        """Creates a wallet that holds an amount of native coin, all of which a spender may spend.

        Args:
            spender: the consumer, contract or address, that pays for answers from it.
        """
        owner = self.accounts[0]
        wallet = self.create_wallet(owner)
        self.chain.pay(self.chain.address(wallet), wei, owner)
        spender = self.chain.address(spender)
        self.chain.send(wallet, "approve", spender, ZERO_ADDRESS, wei, by=owner)
        return wallet

    def wei(self, of: Any) -> int:
        """Returns the native coin of a contract or an account."""
        return self.chain.balance(self.chain.address(of))

    @property
    def last_id(self) -> int:
        """Id of the newest subscription; 0 if there is none."""
        return int(self.chain.read(self.coordinator, "id")) - 1

    def subscription(self, subscription_id: int) -> Subscription:
        """Returns the terms of a subscription; of an unknown id it ``exists`` not."""
        stored = self.chain.read(self.coordinator, "getSubscription", subscription_id)
        return Subscription.from_abi(tuple(stored))

    def interval(self, subscription_id: int) -> int:
        """Returns the interval that an answer would be for now, from 1."""
        terms = self.subscription(subscription_id)
        since = (terms.active_at, terms.period)
        return int(self.chain.read(self.coordinator, "getSubscriptionInterval", *since))

    def wait_for_interval(self, subscription_id: int, interval: int) -> None:
        """Moves the clock to the beginning of an interval; what lies between stays unanswered.

        Raises:
            ValueError: if the interval is over, or there is none of that number.
        """
        terms = self.subscription(subscription_id)
        if not terms.exists or interval < 1 or (terms.is_callback and interval > 1):
            raise ValueError(f"subscription {subscription_id} has no interval {interval}")
        begin = terms.active_at + terms.period * (interval - 1)
        if not terms.is_callback and self.chain.now() >= begin + terms.period:
            raise ValueError(f"interval {interval} of subscription {subscription_id} is over")
        if self.chain.now() < begin:
            self.chain.wait_until(begin)

    def deliver(
        self,
        subscription_id: int,
        output: bytes,
        *,
        by: Account | None = None,
        interval: int | None = None,
        input: bytes = b"",
        proof: bytes = b"",
    ) -> Refusal | None:
        """Delivers any output; returns why it was reverted, or ``None`` if it was accepted.

        Args:
            by: the node, :attr:`node` by default.
            interval: the present one by default.
        """
        terms = self.subscription(subscription_id)
        interval = self.interval(subscription_id) if interval is None else interval
        wallet = self.chain.address(self.node_wallet)
        call = (subscription_id, interval, input, output, proof, wallet)
        try:
            self.chain.send(self.coordinator, "deliverCompute", *call, by=by or self.node)
        except RevertedError as error:
            return explain(error.data, self.chain.abi_at(terms.owner))
        return None

    def answer(self, subscription_id: int, text: str, **how: Any) -> None:
        """Answers with a language model's text.

        Args:
            how: ``by``, ``interval`` and the rest as for :meth:`deliver`.

        Raises:
            RefusedError: if the answer is refused.
        """
        __tracebackhide__ = True
        refusal = self.deliver(subscription_id, output_from_text(text), **how)
        if refusal:
            raise RefusedError(f"the answer was refused: {refusal}")

    def refusal(self, subscription_id: int, text: str, **how: Any) -> Refusal:
        """Answers with a language model's text, and returns why it was refused.

        Raises:
            RefusedError: if the answer is accepted.
        """
        __tracebackhide__ = True
        refusal = self.deliver(subscription_id, output_from_text(text), **how)
        if refusal is None:
            raise RefusedError("the answer was accepted")
        return refusal

    def _or_first(self, account: Account | None) -> Account:
        return self.accounts[0] if account is None else account
