"""Rows of the journal and looks at the chain, made to measure for tests of pure functions."""

from dataclasses import replace
from typing import Any

from infernet_node.chain.fees import Fees
from infernet_node.chain.header import Header
from infernet_node.chain.journal import Entry, Signed, State
from infernet_node.chain.lifecycle import Observation, Receipt
from infernet_protocol.subscription import ZERO_ADDRESS, Subscription

GWEI = 10**9
HASH = "0x" + "aa" * 32
BLOCK = "0x" + "bb" * 32
PRICE = Fees(3 * GWEI, GWEI)


def signed(hash_: str = HASH, price: Fees = PRICE, *, cancels: bool = False) -> Signed:
    return Signed(hash_, b"raw", price, cancels)


def entry(state: State = State.BROADCAST, *signatures: Signed, **fields: Any) -> Entry:
    """A row with nonce 5, signed once unless told otherwise."""
    row = Entry(
        id=1,
        reference="deliver/1/0",
        to="0x" + "42" * 20,
        data=b"",
        value=0,
        gas=21_000,
        gas_given=False,
        deadline=None,
        state=state,
        reason=None,
        nonce=5,
        mined_hash=None,
        block_number=None,
        block_hash=None,
        succeeded=None,
        signatures=signatures or (signed(),),
    )
    return replace(row, **fields)


def mined_entry(**fields: Any) -> Entry:
    """A row that is in block 100."""
    where = {"mined_hash": HASH, "block_number": 100, "block_hash": BLOCK, "succeeded": True}
    return entry(State.MINED, **{**where, **fields})


def receipt(hash_: str = HASH, *, succeeded: bool = True, block_hash: str = BLOCK) -> Receipt:
    return Receipt(hash_, 100, block_hash, succeeded)


def head(number: int = 100, timestamp: int = 1_000, base_fee: int | None = GWEI) -> Header:
    return Header(number, "0x" + "cc" * 32, "0x" + "dd" * 32, timestamp, base_fee)


def look(*receipts: Receipt, at: Header | None = None, next_nonce: int = 5) -> Observation:
    """What the account sees; by default its transaction with nonce 5 is the next to be mined."""
    return Observation(
        head=at or head(),
        next_nonce=next_nonce,
        pending_nonce=next_nonce,
        quote=PRICE,
        transfer_gas=21_000,
        receipts={each.hash: each for each in receipts},
        balance=10**18,
    )


def subscription(**fields: Any) -> Subscription:
    """A free callback, unless told otherwise."""
    terms = Subscription(
        owner="0x" + "42" * 20,
        active_at=1,
        period=0,
        frequency=1,
        redundancy=1,
        container_id=bytes(32),
        lazy=False,
        verifier=ZERO_ADDRESS,
        payment_amount=0,
        payment_token=ZERO_ADDRESS,
        wallet=ZERO_ADDRESS,
    )
    return replace(terms, **fields)
