"""Rows of intervals, when there are very many."""

from infernet_node.chain.fulfilments import Fulfilments
from infernet_node.store.database import Database
from test.node.chain.rows import subscription
from test.support.sqlite import limit_parameters

MOST_PARAMETERS = 32_766
"""Of SQLite as it is distributed; PostgreSQL takes one more."""


async def test_a_reorganisation_may_remove_more_subscriptions_than_a_statement_has_parameters(
    database: Database,
) -> None:
    fulfilments = Fulfilments(database, "31337/00/0xC0")
    removed = range(1, MOST_PARAMETERS + 500)
    due = [(removed[place], 1, subscription()) for place in (0, 700, -1)]
    started = await fulfilments.begin_all([*due, (removed[-1] + 1, 1, subscription())])
    await limit_parameters(database, MOST_PARAMETERS)

    assert await fulfilments.of_subscriptions(removed) == started[:3]
