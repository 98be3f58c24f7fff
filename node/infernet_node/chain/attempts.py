"""Names for transactions that may have to be tried more than once."""

from infernet_node.chain.transactions import Transactions


async def next_attempt(transactions: Transactions, stem: str) -> str:
    """Returns the reference of the attempt that is under way, else of the next.

    Args:
        stem: what is attempted.
    """
    number = 0
    while True:
        reference = f"{stem}/{number}"
        entry = await transactions.find(reference)
        if entry is None or not entry.settled:
            return reference
        number += 1
