"""What an Infernet wallet holds, and who may spend it."""

from collections import defaultdict
from collections.abc import Iterable
from dataclasses import dataclass, field
from typing import Any

from eth_typing import ChecksumAddress
from web3.contract import Contract
from web3.types import EventData

from infernet_client.chain.abis import ERC20_ABI
from infernet_protocol.subscription import ZERO_ADDRESS
from scripts.views.tail import Tail

EVENTS = ("Approval", "Escrow", "Transfer", "Withdrawl")


@dataclass
class Ledger:
    """What a wallet's events tell of one token."""

    locked: int = 0
    """Raw units; the contract itself shows them nowhere."""
    spenders: dict[ChecksumAddress, None] = field(default_factory=dict)
    """Who was ever allowed to spend, in the order of the first time."""


def ledgers(events: Iterable[EventData]) -> dict[str, Ledger]:
    """Sums a wallet's events up, by token; pure."""
    by_token: defaultdict[str, Ledger] = defaultdict(Ledger)
    for event in events:
        args = event["args"]
        ledger = by_token[args["token"]]
        if event["event"] == "Escrow":
            ledger.locked += args["amount"] if args["locked"] else -args["amount"]
        if "spender" in args:
            ledger.spenders[args["spender"]] = None
    return dict(by_token)


@dataclass(frozen=True, slots=True)
class Holding:
    """One token in a wallet; amounts in wei or the token's smallest unit."""

    token: str
    balance: int
    locked: int
    """Part of the balance that is reserved for answers whose proof is not judged yet."""
    allowances: dict[str, int]
    """What each spender may still take; spenders with nothing are left out."""

    @property
    def unlocked(self) -> int:
        """What the owner can withdraw now."""
        return max(0, self.balance - self.locked)


def holdings(wallet: Contract, since: int, tokens: Iterable[str] = ()) -> list[Holding]:
    """Reads what a wallet holds of ether, of every token in its events, and of others given.

    Args:
        since: first block that can hold an event of the wallet.
        tokens: ERC20 addresses that events need not name, e.g. of tokens just sent.
    """
    known = ledgers(Tail(wallet, EVENTS, since).poll())
    named = dict.fromkeys([ZERO_ADDRESS, *known, *tokens])
    return [_holding(wallet, token, known.get(token, Ledger())) for token in named]


def _holding(wallet: Contract, token: str, ledger: Ledger) -> Holding:
    allowances = {
        spender: int(wallet.functions.allowance(spender, token).call())
        for spender in ledger.spenders
    }
    return Holding(
        token=token,
        balance=_balance(wallet, token),
        locked=ledger.locked,
        allowances={spender: amount for spender, amount in allowances.items() if amount},
    )


def _balance(wallet: Contract, token: Any) -> int:
    if token == ZERO_ADDRESS:
        return wallet.w3.eth.get_balance(wallet.address)
    erc20 = wallet.w3.eth.contract(token, abi=ERC20_ABI)
    return int(erc20.functions.balanceOf(wallet.address).call())
