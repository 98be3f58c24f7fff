"""Until when an answer is worth giving, and how often one that cannot be given is tried. Pure,
apart from the clock on the wall."""

import time
from collections.abc import Iterator

from infernet_node.chain.fulfilments import Fulfilment

CALLBACK_PATIENCE = 3600
"""Seconds after which a callback that cannot be answered is given up; trouble in reaching
the chain does not count."""
FIRST_PAUSE = 1.0
_LONGEST_PAUSE = 30.0


def deadline(row: Fulfilment) -> int | None:
    """Chain time (UNIX seconds) at which the interval is over; a callback's never is."""
    if row.subscription.is_callback:
        return None
    return row.subscription.interval_start(row.interval + 1)


def is_over(row: Fulfilment, now: int) -> bool:
    """Whether the interval is over at a chain time."""
    end = deadline(row)
    return end is not None and now >= end


def is_out_of_time(row: Fulfilment) -> bool:
    """Whether a row has been tried for as long as it is worth."""
    patience = CALLBACK_PATIENCE if row.subscription.is_callback else row.subscription.period
    return time.time() - row.created_at > patience


def pauses() -> Iterator[float]:
    """Seconds between attempts: twice as long each time, up to half a minute."""
    pause = FIRST_PAUSE
    while True:
        yield pause
        pause = min(pause * 2, _LONGEST_PAUSE)
