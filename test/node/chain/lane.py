"""What the tests of the transaction library share: payments, and a look at what came of them."""

from collections.abc import Callable
from typing import Any

from eth_account.signers.local import LocalAccount

from infernet_node.chain.journal import Entry, Intent
from infernet_node.chain.transactions import Transactions
from test.support.anvil import CHAIN_ID, Anvil

RECIPIENT = "0x" + "42" * 20
REVERTS = "0x" + "33" * 20

OpenLane = Callable[..., Transactions]
"""Makes the lane that a fresh process would make."""


class Crash(BaseException):
    """The process ends here. Not an Exception: nothing may catch it."""


def received(anvil: Anvil) -> int:
    return int(anvil.rpc("eth_getBalance", RECIPIENT, "latest"), 16)


def mined_transactions(anvil: Anvil, account: LocalAccount) -> int:
    return int(anvil.rpc("eth_getTransactionCount", account.address, "latest"), 16)


def payment(number: int = 0, **fields: Any) -> Intent:
    return Intent(f"payment {number}", RECIPIENT, value=1, **fields)


async def settle(
    lane: Transactions, anvil: Anvil, *references: str, blocks: int = 12
) -> list[Entry]:
    """Mines until all of them are settled."""
    for _ in range(blocks):
        anvil.mine()
        await lane.poll()
        found = [await lane.find(reference) for reference in references]
        if all(entry is not None and entry.settled for entry in found):
            return [entry for entry in found if entry is not None]
    raise AssertionError(f"not settled after {blocks} blocks: {found}")


def send_elsewhere(anvil: Anvil, account: LocalAccount, nonce: int) -> None:
    """What another process with the same key would do."""
    signed = account.sign_transaction(
        {
            "type": 2,
            "chainId": CHAIN_ID,
            "nonce": nonce,
            "to": account.address,
            "value": 0,
            "gas": 21_000,
            "maxFeePerGas": 100 * 10**9,
            "maxPriorityFeePerGas": 10**9,
        }
    )
    anvil.rpc("eth_sendRawTransaction", "0x" + signed.raw_transaction.hex())
