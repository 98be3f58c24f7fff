"""How long transactions have been waiting, by blocks and by a clock."""

from dataclasses import replace

import pytest

from infernet_node.chain.lifecycle import Waiting
from infernet_node.chain.patience import Patience
from test.node.chain.rows import entry, head, look, receipt

ROW = entry()


class Clock:
    now = 1_000.0

    def __call__(self) -> float:
        return self.now


@pytest.fixture
def clock() -> Clock:
    return Clock()


@pytest.fixture
def patience(clock: Clock) -> Patience:
    patience = Patience(clock)
    patience.saw(look())  # the account has nothing mined but what came before nonce 5
    return patience


def test_waiting_begins_with_the_signature(patience: Patience, clock: Clock) -> None:
    patience.signed(ROW.id, look())
    clock.now += 7

    assert patience.waiting(ROW, look(at=head(103))) == Waiting(blocks=3, seconds=7)


def test_after_a_restart_waiting_begins_with_the_first_look(
    patience: Patience, clock: Clock
) -> None:
    assert patience.waiting(ROW, look()) == Waiting(blocks=0, seconds=0)
    clock.now += 2

    assert patience.waiting(ROW, look(at=head(101))) == Waiting(blocks=1, seconds=2)


@pytest.mark.parametrize("event", ["resent", "signed"])
def test_waiting_begins_anew_with_each_attempt(
    patience: Patience, clock: Clock, event: str
) -> None:
    patience.signed(ROW.id, look())
    clock.now += 50
    later = look(at=head(110))

    getattr(patience, event)(ROW.id, later)

    assert patience.waiting(ROW, later) == Waiting(blocks=0, seconds=0)


def test_a_queue_that_moves_is_not_stuck(patience: Patience, clock: Clock) -> None:
    behind = replace(ROW, nonce=9)
    patience.signed(behind.id, look())
    clock.now += 50
    moved = look(at=head(110), next_nonce=6)

    patience.saw(moved)

    assert patience.waiting(behind, moved) == Waiting(blocks=0, seconds=0)


def test_a_refused_price_is_remembered_until_another_is_signed(patience: Patience) -> None:
    patience.refused_price(ROW.id)
    assert patience.waiting(ROW, look()).underpriced

    patience.signed(ROW.id, look())
    assert not patience.waiting(ROW, look()).underpriced


def test_blocks_are_counted_while_a_used_nonce_has_no_receipt(patience: Patience) -> None:
    used = 6
    assert patience.waiting(ROW, look(at=head(100), next_nonce=used)).blocks_lost == 0
    assert patience.waiting(ROW, look(at=head(102), next_nonce=used)).blocks_lost == 2

    found = look(receipt(), at=head(103), next_nonce=used)
    assert patience.waiting(ROW, found).blocks_lost == 0
    assert patience.waiting(ROW, look(at=head(104), next_nonce=used)).blocks_lost == 0


def test_a_nonce_that_a_reorganisation_freed_is_not_lost(patience: Patience) -> None:
    patience.waiting(ROW, look(at=head(100), next_nonce=6))

    assert patience.waiting(ROW, look(at=head(102), next_nonce=5)).blocks_lost == 0
    assert patience.waiting(ROW, look(at=head(103), next_nonce=6)).blocks_lost == 0


def test_what_is_settled_is_forgotten(patience: Patience, clock: Clock) -> None:
    patience.signed(ROW.id, look())
    patience.refused_price(ROW.id)
    clock.now += 50

    patience.forget(ROW.id)

    assert patience.waiting(ROW, look(at=head(120))) == Waiting(blocks=0, seconds=0)
