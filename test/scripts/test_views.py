"""What is read from the chain, apart from any script."""

from collections.abc import Callable
from dataclasses import replace
from typing import Any

import pytest
from eth_typing import ChecksumAddress
from web3.contract import Contract

from infernet_protocol.abis import abi
from infernet_protocol.hashing import UINT32_MAX
from infernet_protocol.subscription import ZERO_ADDRESS, Subscription
from scripts.chain import Sender
from scripts.views import tail as tail_module
from scripts.views.answers import Answered, Missed, Progress, default_timeout
from scripts.views.board import Row
from scripts.views.tail import Tail, topic
from scripts.views.wallets import ledgers
from test.scripts.conftest import Node
from test.support.anvil import Anvil

Schedule = Callable[..., int]
START, PERIOD = 1_000, 10
RECURRING = Subscription(
    owner="0x" + "11" * 20,
    active_at=START,
    period=PERIOD,
    frequency=3,
    redundancy=1,
    container_id=bytes(32),
    lazy=False,
    verifier=ZERO_ADDRESS,
    payment_amount=0,
    payment_token=ZERO_ADDRESS,
    wallet=ZERO_ADDRESS,
)
ONE_OFF = replace(RECURRING, period=0, frequency=1, redundancy=2)
CANCELLED = replace(RECURRING, active_at=UINT32_MAX)


def answer(interval: int) -> Answered:
    return Answered(interval, "0x" + "22" * 20, "Yes.", "0x", 1)


class TestProgress:
    def test_before_it_begins_nothing_is_missed(self) -> None:
        progress = Progress(RECURRING)
        assert list(progress.take([], START - 1)) == []
        assert not progress.finished

    def test_an_interval_is_missed_when_the_next_one_begins(self) -> None:
        progress = Progress(RECURRING)
        assert list(progress.take([], START + PERIOD - 1)) == []
        assert list(progress.take([], START + PERIOD)) == [Missed(1)]
        assert list(progress.take([], START + PERIOD)) == []

    def test_an_answered_interval_is_not_missed(self) -> None:
        progress = Progress(RECURRING)
        assert list(progress.take([answer(1)], START)) == [answer(1)]
        assert list(progress.take([], START + PERIOD)) == []
        assert progress.unanswered == [2, 3]

    def test_long_after_the_end_only_its_intervals_are_missed(self) -> None:
        progress = Progress(RECURRING)
        assert list(progress.take([], START + 99 * PERIOD)) == [Missed(1), Missed(2), Missed(3)]
        assert progress.finished

    def test_it_is_finished_with_the_last_answer(self) -> None:
        progress = Progress(RECURRING)
        list(progress.take([answer(1), answer(2)], START + PERIOD))
        assert not progress.finished
        list(progress.take([answer(3)], START + 2 * PERIOD))
        assert progress.finished
        assert progress.unanswered == []

    def test_a_one_off_waits_for_every_node_and_never_ends_by_time(self) -> None:
        progress = Progress(ONE_OFF)
        assert list(progress.take([answer(1)], START + 10**6)) == [answer(1)]
        assert not progress.finished
        list(progress.take([answer(1)], START + 10**6))
        assert progress.finished


@pytest.mark.parametrize(
    ("subscription", "now", "seconds"),
    [
        (RECURRING, START - 5, 5 + 3 * PERIOD + 60),
        (RECURRING, START + 99 * PERIOD, 60),
        (ONE_OFF, START, 60),
    ],
)
def test_waiting_is_given_up_a_minute_after_the_end(
    subscription: Subscription, now: int, seconds: int
) -> None:
    assert default_timeout(subscription, now) == seconds


@pytest.mark.parametrize(
    ("row", "now", "state"),
    [
        (Row(1, RECURRING), START - 1, "waiting"),
        (Row(1, RECURRING), START, "open"),
        (Row(1, RECURRING, answers=2), START + 3 * PERIOD - 1, "open"),
        (Row(1, RECURRING), START + 3 * PERIOD, "over"),
        (Row(1, RECURRING, answers=3), START + 3 * PERIOD, "answered"),
        (Row(1, RECURRING, cancelled=True), START, "cancelled"),
        (Row(1, CANCELLED), START, "cancelled"),
        (Row(1, ONE_OFF, answers=1), START + 10**6, "open"),
        (Row(1, ONE_OFF, answers=2), START, "answered"),
    ],
)
def test_what_can_still_come_of_a_subscription(row: Row, now: int, state: str) -> None:
    assert row.state(now) == state


def event(name: str, **args: Any) -> Any:
    return {"event": name, "args": args}


def test_a_wallets_events_add_up_by_token() -> None:
    events = [
        event("Approval", spender="B", token="T", amount=90),
        event("Escrow", spender="B", token="T", amount=50, locked=True),
        event("Escrow", spender="C", token="T", amount=20, locked=True),
        event("Escrow", spender="B", token="T", amount=50, locked=False),
        event("Transfer", spender="D", token="U", to="E", amount=1),
        event("Withdrawl", token="V", amount=1),
    ]
    known = ledgers(events)
    assert {token: ledger.locked for token, ledger in known.items()} == {"T": 20, "U": 0, "V": 0}
    assert {token: list(ledger.spenders) for token, ledger in known.items()} == {
        "T": ["B", "C"],
        "U": ["D"],
        "V": [],
    }


class TestTail:
    @pytest.fixture
    def created(self, coordinator: Contract, anvil: Anvil) -> Tail:
        return Tail(coordinator, ["SubscriptionCreated"], anvil.number + 1)

    def ids(self, tail: Tail) -> list[int]:
        return [event["args"]["id"] for event in tail.poll()]

    def test_every_event_comes_once(self, created: Tail, schedule: Schedule) -> None:
        assert self.ids(created) == []
        first, second = schedule("one?"), schedule("two?")
        assert self.ids(created) == [first, second]
        third = schedule("three?")
        assert self.ids(created) == [third]

    def test_long_ranges_are_read_in_pieces(
        self,
        created: Tail,
        schedule: Schedule,
        anvil: Anvil,
        monkeypatch: pytest.MonkeyPatch,
    ) -> None:
        monkeypatch.setattr(tail_module, "MAX_RANGE", 2)
        wanted = []
        for _ in range(4):
            wanted.append(schedule("one?"))
            anvil.mine(3)
        assert self.ids(created) == wanted

    def test_what_an_endpoint_held_back_is_read_later(
        self,
        created: Tail,
        schedule: Schedule,
        coordinator: Contract,
        monkeypatch: pytest.MonkeyPatch,
    ) -> None:
        wanted = schedule("one?")
        with monkeypatch.context() as lagging:
            lagging.setattr(coordinator.w3.eth, "get_logs", lambda _: [])
            assert self.ids(created) == []
        assert self.ids(created) == [wanted]

    def test_after_a_reorganisation_an_event_comes_again(
        self, created: Tail, schedule: Schedule, anvil: Anvil
    ) -> None:
        with anvil.undone():
            first = schedule("one?")
            assert self.ids(created) == [first]
        again = schedule("other?", "questions?")
        assert again == first
        assert self.ids(created) == [again]

    def test_indexed_arguments_choose(
        self,
        requester: Sender,
        scheduled_chat: ChecksumAddress,
        schedule: Schedule,
        node: Node,
        anvil: Anvil,
    ) -> None:
        since = anvil.number + 1
        ids = [schedule(question, period=0) for question in ("one?", "two?")]
        for subscription_id in ids:
            node.deliver(subscription_id, 1, f"to {subscription_id}")
        contract = requester.web3.eth.contract(scheduled_chat, abi=abi("ScheduledChat"))
        chosen = Tail(contract, ["AnswerReceived"], since, [topic(ids[1])])
        assert [event["args"]["answer"] for event in chosen.poll()] == [f"to {ids[1]}"]
