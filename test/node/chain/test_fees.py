"""Prices: enough to be mined, never more than the caps."""

from dataclasses import replace

import pytest
from hypothesis import given
from hypothesis import strategies as st

from infernet_node.chain.fees import (
    GWEI,
    LOCAL,
    MAINNET,
    ROLLUP,
    Fees,
    Policy,
    bump,
    bump_to_cancel,
    policy_for,
    quote,
)

wei = st.integers(0, 10**13)
policies = st.sampled_from([LOCAL, ROLLUP, MAINNET])


@pytest.mark.parametrize(
    ("chain_id", "policy"), [(31337, LOCAL), (1, MAINNET), (8453, ROLLUP), (424242, MAINNET)]
)
def test_the_policy_of_a_chain(chain_id: int, policy: Policy) -> None:
    assert policy_for(chain_id) is policy


def test_a_quote_is_the_tip_and_twice_the_base_fee() -> None:
    assert quote(10 * GWEI, 2 * GWEI, MAINNET) == Fees(22 * GWEI, 2 * GWEI)


def test_a_chain_without_base_fee_is_quoted_its_gas_price() -> None:
    assert quote(None, 5 * GWEI, MAINNET) == Fees(5 * GWEI, None)
    assert quote(None, 5 * GWEI, MAINNET).fields == {"gasPrice": 5 * GWEI}


def test_both_fields_are_raised_by_an_eighth_rounded_up() -> None:
    first = Fees(9, 1)
    assert bump(first, Fees(0, 0), first, MAINNET) == Fees(11, 2)


def test_a_replacement_pays_at_least_what_a_new_transaction_would() -> None:
    first = Fees(10 * GWEI, GWEI)
    assert bump(first, Fees(30 * GWEI, 3 * GWEI), first, MAINNET) == Fees(30 * GWEI, 3 * GWEI)


def test_no_replacement_without_room_below_the_cap() -> None:
    first = Fees(10 * GWEI, GWEI)
    assert bump(Fees(45 * GWEI, GWEI), Fees(0, 0), first, MAINNET) is None


def test_a_cancellation_may_go_up_to_the_ceiling() -> None:
    policy = replace(MAINNET, fee_ceiling=100 * GWEI)
    assert bump_to_cancel(Fees(45 * GWEI, GWEI), Fees(0, 0), policy) is not None
    assert bump_to_cancel(Fees(95 * GWEI, GWEI), Fees(0, 0), policy) is None


@given(base_fee=st.none() | wei, suggested=wei, policy=policies)
def test_a_quote_never_exceeds_the_ceiling(
    base_fee: int | None, suggested: int, policy: Policy
) -> None:
    fees = quote(base_fee, suggested, policy)
    assert fees.max_fee <= policy.fee_ceiling
    assert fees.tip is None or fees.tip <= fees.max_fee


@given(base_fee=wei, suggested=wei, later=wei, policy=policies)
def test_replacements_are_acceptable_to_pools_and_end_at_the_cap(
    base_fee: int, suggested: int, later: int, policy: Policy
) -> None:
    first = current = quote(base_fee, suggested, policy)
    if not first.max_fee or not first.tip:
        return
    fresh = quote(later, suggested, policy)
    while (raised := bump(current, fresh, first, policy)) is not None:
        assert raised.max_fee * 8 >= current.max_fee * 9
        assert raised.tip is not None
        assert current.tip is not None
        assert raised.tip * 8 >= current.tip * 9
        assert raised.tip <= raised.max_fee
        assert raised.max_fee <= min(first.max_fee * policy.escalation, policy.fee_ceiling)
        current = raised
