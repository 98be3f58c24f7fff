"""What a transaction needs next, case by case."""

from dataclasses import replace
from typing import Any, ClassVar

import pytest

from infernet_node.chain.fees import LOCAL, Fees, bump, bump_to_cancel
from infernet_node.chain.journal import Entry, State
from infernet_node.chain.lifecycle import (
    Action,
    Cancel,
    Mine,
    Observation,
    Receipt,
    Reprice,
    Resend,
    Settle,
    Unmine,
    Waiting,
    mined,
    next_action,
    unmined,
)
from infernet_node.chain.rpc_errors import TransportError
from test.node.chain.rows import (
    GWEI,
    HASH,
    PRICE,
    entry,
    head,
    look,
    mined_entry,
    receipt,
    signed,
)

POLICY = replace(LOCAL, resubmit_after_blocks=3, resubmit_after_seconds=36.0, confirmations=3)
PATIENT = Waiting(blocks=0, seconds=0)
OVERDUE = Waiting(blocks=3, seconds=0)
OTHER = "0x" + "ee" * 32


def decided(row: Entry, seen: Observation, waiting: Waiting = PATIENT) -> Action | None:
    return next_action(row, seen, waiting, POLICY)


class TestMined:
    """With a receipt there is no doubt."""

    def test_a_receipt_is_recorded(self) -> None:
        assert decided(entry(), look(receipt())) == Mine(receipt())

    def test_the_receipt_of_an_earlier_price_counts(self) -> None:
        row = entry(State.BROADCAST, signed(), signed(OTHER))
        assert decided(row, look(receipt())) == Mine(receipt())

    def test_another_block_is_recorded_anew(self) -> None:
        moved = receipt(block_hash="0x" + "99" * 32)
        assert decided(mined_entry(), look(moved)) == Mine(moved)

    @pytest.mark.parametrize(("number", "final"), [(100, False), (101, False), (102, True)])
    def test_it_is_final_after_its_confirmations(self, number: int, final: bool) -> None:
        action = decided(mined_entry(), look(receipt(), at=head(number)))
        assert action == (Settle(State.FINAL) if final else None)

    def test_a_revert_is_a_failure(self) -> None:
        row = mined_entry(succeeded=False)
        seen = look(receipt(succeeded=False), at=head(102))
        assert decided(row, seen) == Settle(State.FAILED, "reverted on chain")

    @pytest.mark.parametrize("reason", [None, "no pool takes it"])
    def test_what_was_cancelled_is_replaced(self, reason: str | None) -> None:
        nothing = signed(OTHER, cancels=True)
        row = replace(mined_entry(mined_hash=OTHER, reason=reason), signatures=(signed(), nothing))
        action = decided(row, look(receipt(OTHER), at=head(102)))
        assert action == Settle(State.REPLACED, reason or "cancelled")

    def test_a_transaction_that_beats_its_own_cancellation_is_final(self) -> None:
        row = replace(mined_entry(), signatures=(signed(), signed(OTHER, cancels=True)))
        assert decided(row, look(receipt(), at=head(102))) == Settle(State.FINAL)

    def test_without_its_receipt_it_left_its_block(self) -> None:
        assert decided(mined_entry(), look()) == Unmine()


class TestLost:
    """The nonce is used, and no receipt says by what."""

    @pytest.mark.parametrize(("blocks_lost", "given_up"), [(0, False), (2, False), (3, True)])
    def test_it_is_believed_after_some_blocks(self, blocks_lost: int, given_up: bool) -> None:
        waiting = Waiting(blocks=9, seconds=99, blocks_lost=blocks_lost)
        action = decided(entry(), look(next_nonce=6), waiting)
        expected = Settle(State.REPLACED, "another transaction used nonce 5")
        assert action == (expected if given_up else None)

    def test_where_one_block_is_final_two_are_waited_for_all_the_same(self) -> None:
        quick = replace(POLICY, confirmations=1)
        waiting = Waiting(blocks=9, seconds=99, blocks_lost=1)
        assert next_action(entry(), look(next_nonce=6), waiting, quick) is None


class TestWaiting:
    """Not mined, and still can be."""

    def test_it_is_left_alone_for_a_while(self) -> None:
        assert decided(entry(), look()) is None

    def test_what_no_endpoint_confirmed_is_sent_again(self) -> None:
        assert decided(entry(State.SIGNED), look()) == Resend()

    @pytest.mark.parametrize("waiting", [OVERDUE, Waiting(blocks=0, seconds=36.0)])
    def test_overdue_it_pays_an_eighth_more(self, waiting: Waiting) -> None:
        raised = Fees(PRICE.max_fee * 9 // 8, GWEI * 9 // 8)
        assert decided(entry(), look(), waiting) == Reprice(raised)

    def test_overdue_behind_others_it_is_only_sent_again(self) -> None:
        assert decided(entry(nonce=7), look(), OVERDUE) == Resend()

    @pytest.mark.parametrize(
        "waiting",
        [Waiting(blocks=1, seconds=1, underpriced=True)],
    )
    def test_a_price_that_a_pool_refused_is_raised_in_the_next_block(
        self, waiting: Waiting
    ) -> None:
        assert isinstance(decided(entry(nonce=7), look(), waiting), Reprice)
        assert decided(entry(nonce=7), look(), replace(waiting, blocks=0)) is None

    def test_a_price_below_the_base_fee_is_raised_in_the_next_block(self) -> None:
        dear = look(at=head(base_fee=4 * GWEI))
        assert isinstance(decided(entry(), dear, Waiting(blocks=1, seconds=1)), Reprice)

    def test_at_the_cap_it_waits_for_prices_to_fall(self) -> None:
        first = signed()
        highest = signed(OTHER, Fees(PRICE.max_fee * POLICY.escalation, GWEI))
        row = entry(State.BROADCAST, first, highest)
        assert decided(row, look(), OVERDUE) == Resend()

    def test_after_enough_prices_the_nonce_is_used_up(self) -> None:
        policy = replace(POLICY, max_signatures=2)
        row = entry(State.BROADCAST, signed(), signed(OTHER))
        raised = bump(PRICE, PRICE, PRICE, policy)
        assert raised is not None
        action = next_action(row, look(), OVERDUE, policy)
        assert action == Cancel(raised, "not mined at any of 2 prices")


class TestDeadline:
    """Pointless from a moment of chain time on."""

    @pytest.mark.parametrize(("timestamp", "cancelled"), [(999, False), (1_000, True)])
    def test_it_is_cancelled_when_its_time_has_come(self, timestamp: int, cancelled: bool) -> None:
        action = decided(entry(deadline=1_000), look(at=head(timestamp=timestamp)))
        assert isinstance(action, Cancel) is cancelled

    def test_a_cancellation_may_cost_more_than_five_times_the_first_price(self) -> None:
        highest = signed(OTHER, Fees(PRICE.max_fee * POLICY.escalation, GWEI))
        row = entry(State.BROADCAST, signed(), highest, deadline=1)
        raised = bump_to_cancel(highest.fees, PRICE, POLICY)
        assert raised is not None
        assert decided(row, look()) == Cancel(raised, "its deadline passed before it was mined")

    def test_at_the_ceiling_not_even_a_cancellation_pays_more(self) -> None:
        ceiling = Fees(POLICY.fee_ceiling, GWEI)
        row = entry(State.BROADCAST, signed(HASH, ceiling), deadline=1)
        assert decided(row, look()) is None
        assert decided(row, look(), OVERDUE) == Resend()

    def test_a_cancellation_is_not_cancelled_but_priced_higher(self) -> None:
        row = entry(State.BROADCAST, signed(), signed(OTHER, cancels=True), deadline=1)
        assert decided(row, look()) is None
        assert isinstance(decided(row, look(), OVERDUE), Reprice)


@pytest.mark.parametrize(
    ("number", "succeeded", "state", "reason"),
    [
        (100, True, State.MINED, None),
        (102, True, State.FINAL, None),
        (102, False, State.FAILED, "reverted on chain"),
    ],
)
def test_columns_of_what_is_mined(
    number: int, succeeded: bool, state: State, reason: str | None
) -> None:
    found = receipt(succeeded=succeeded)
    now, columns = mined(entry(), found, head(number), POLICY)
    assert now is state
    assert columns["mined_hash"] == HASH
    assert columns.get("reason") == reason


@pytest.mark.parametrize(
    ("state", "deadline", "kept"),
    [
        (State.FINAL, 500, 500),
        (State.MINED, None, None),
        (State.FAILED, 500, 0),
        (State.REPLACED, None, 0),
    ],
)
def test_only_what_had_succeeded_is_wanted_again_after_a_reorganisation(
    state: State, deadline: int | None, kept: int | None
) -> None:
    columns = unmined(replace(mined_entry(deadline=deadline), state=state))
    assert columns["deadline"] == kept
    assert columns["mined_hash"] is columns["block_number"] is columns["succeeded"] is None


class TestReceipts:
    """As endpoints send them."""

    GOOD: ClassVar[dict[str, str]] = {
        "transactionHash": HASH,
        "blockNumber": "0x64",
        "blockHash": receipt().block_hash,
        "status": "0x1",
    }

    def test_none_is_none(self) -> None:
        assert Receipt.from_rpc(None) is None

    def test_a_receipt_is_read(self) -> None:
        assert Receipt.from_rpc(self.GOOD) == receipt()
        assert Receipt.from_rpc({**self.GOOD, "status": "0x0"}) == receipt(succeeded=False)

    @pytest.mark.parametrize(
        "sent", [{}, [], "0x", {**GOOD, "blockNumber": None}, {**GOOD, "status": "ok"}]
    )
    def test_anything_else_is_no_answer(self, sent: Any) -> None:
        with pytest.raises(TransportError, match="malformed receipt"):
            Receipt.from_rpc(sent)


@pytest.mark.parametrize(("transfers", "can_pay"), [(9, False), (10, True)])
def test_an_account_can_pay_if_it_has_ten_transfers_worth(transfers: int, can_pay: bool) -> None:
    cost = PRICE.max_fee * 21_000
    assert replace(look(), balance=transfers * cost).can_pay is can_pay
