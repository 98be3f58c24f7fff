"""``infernet-node why``: what became of a subscription, told from the store."""

import asyncio
from collections.abc import Iterator, Sequence

from infernet_node.chain.history import IntervalHistory, SubscriptionHistory, history_of
from infernet_node.config import Config
from infernet_node.store.database import Database


def explain(config: Config, subscription: str, interval: int | None) -> str:
    """Returns lines for a person.

    Args:
        subscription: its id, or ``delegated-<n>``.
        interval: only this one; by default all.

    Raises:
        StoreError: if the store cannot be opened, or no node of this version has used it yet.
        UnknownSubscriptionError: if it has no row of the subscription.
    """
    return "\n".join(_lines(subscription, asyncio.run(_read(config, subscription, interval))))


async def _read(
    config: Config, subscription: str, interval: int | None
) -> Sequence[SubscriptionHistory]:
    database = await Database.open_to_read(config.store_url)
    try:
        return await history_of(database, subscription, interval)
    finally:
        await database.close()


def _lines(subscription: str, histories: Sequence[SubscriptionHistory]) -> Iterator[str]:
    for history in histories:
        yield f"subscription {subscription} on {history.network}: {history.state}"
        for interval in history.intervals:
            yield from _of_interval(interval)


def _of_interval(interval: IntervalHistory) -> Iterator[str]:
    yield f"  interval {interval.interval}: {interval.state}"
    if money := interval.payment:
        yield f"    payment of {money.amount} of token {money.token}: {money.state}"
    for sent in interval.transactions:
        where = "" if sent.block is None else f" in block {sent.block}"
        why = f" ({sent.reason})" if sent.reason else ""
        yield f"    transaction {sent.hash or 'not signed yet'}: {sent.state}{where}{why}"
