"""The Coordinator's log, as endpoints send it."""

from typing import Any

import pytest

from infernet_node.chain.events import TOPICS, Events, Settled
from infernet_node.chain.rpc_errors import TransportError

CREATED, CANCELLED, VERIFIED = TOPICS
NODE = "0x70997970C51812dc3A010C7d01b50e0d17dc79C8"


def word(number: int) -> str:
    return f"{number:064x}"


def log(topic: str, *indexed: int, data: str = "") -> dict[str, Any]:
    return {"topics": [topic, *(f"0x{word(value)}" for value in indexed)], "data": f"0x{data}"}


def verified(*, in_time: bool, valid: bool) -> dict[str, Any]:
    return log(VERIFIED, 7, 2, int(NODE, 16), data=word(in_time) + word(99) + word(valid))


def test_topics_are_the_published_ones() -> None:
    assert TOPICS == [
        "0x04344ed7a67fec80c444d56ee1cee242f3f75b91fecc8dbce8890069c82eb48e",
        "0xf4126e31c182db4c4109605c6d50470fc7e8ca90d62d44fd25cbe049fb9cac3e",
        "0xaf1556610075709bf885e17681512d329b1a40f799ee5196f79461e89b656454",
    ]


def test_events_are_told_apart() -> None:
    events = Events.in_logs([log(CREATED, 5), log(CANCELLED, 3), log(CREATED, 6)])

    assert (events.created, events.cancelled, events.settled) == ([5, 6], [3], [])


@pytest.mark.parametrize(
    ("in_time", "valid", "slashed"),
    [
        (True, True, False),
        (True, False, True),
        (False, True, False),
        (False, False, False),  # after the week a no comes too late
    ],
)
def test_only_a_no_in_time_takes_the_collateral(in_time: bool, valid: bool, slashed: bool) -> None:
    events = Events.in_logs([verified(in_time=in_time, valid=valid)])

    assert events.settled == [Settled(7, 2, NODE, slashed)]


@pytest.mark.parametrize(
    "entry",
    [
        {},
        "0x",
        None,
        {"topics": [], "data": "0x"},
        {"topics": [CREATED], "data": "0x"},
        {"topics": [CREATED, "seven"], "data": "0x"},
        log(VERIFIED, 7, 2, int(NODE, 16), data=word(1)),
        {**verified(in_time=True, valid=True), "data": "0xnothex"},
        {**verified(in_time=True, valid=True), "data": None},
    ],
)
def test_what_is_no_log_is_asked_for_again(entry: Any) -> None:
    with pytest.raises(TransportError, match="malformed logs"):
        Events.in_logs([entry])
