"""Our own signing against eth-account's."""

from dataclasses import replace

import pytest
from eth_account import Account
from hypothesis import given, settings
from hypothesis import strategies as st

from infernet_node.chain.fees import Fees
from infernet_node.chain.journal import Entry, State
from infernet_node.chain.signing import Signer
from test.support.anvil import KEYS

ENTRY = Entry(
    id=1,
    reference="deliver/1/0",
    to="0x5FC8d32690cc91D4c39d9d3abcBD16989F875707",
    data=b"",
    value=0,
    gas=21_000,
    gas_given=False,
    deadline=None,
    state=State.PREPARED,
    reason=None,
    nonce=None,
    mined_hash=None,
    block_number=None,
    block_hash=None,
    succeeded=None,
    signatures=(),
)
prices = st.integers(0, 2**70)
fees = st.builds(Fees, max_fee=prices, tip=st.one_of(st.none(), prices))


@settings(deadline=None)
@given(
    fees=fees,
    nonce=st.integers(0, 2**64 - 1),
    gas=st.integers(21_000, 2**32),
    value=st.integers(0, 2**256 - 1),
    data=st.binary(max_size=600),
    chain_id=st.sampled_from([1, 31337, 8453, 2**40]),
    key=st.sampled_from(KEYS),
)
def test_the_bytes_are_those_of_eth_account(
    fees: Fees, nonce: int, gas: int, value: int, data: bytes, chain_id: int, key: str
) -> None:
    account = Account.from_key(key)
    entry = replace(ENTRY, data=data, value=value, gas=gas)

    signed = Signer(account, chain_id).wanted(entry, nonce, fees)

    expected = account.sign_transaction(
        {
            "to": entry.to,
            "data": data,
            "value": value,
            "gas": gas,
            **fees.fields,
            "nonce": nonce,
            "chainId": chain_id,
        }
    )
    assert signed.raw == bytes(expected.raw_transaction)
    assert signed.hash == "0x" + expected.hash.hex()
    assert (signed.fees, signed.cancels) == (fees, False)


@pytest.mark.parametrize("price", [Fees(10**9, 10**8), Fees(10**9, None)])
def test_nothing_is_a_transfer_to_oneself(price: Fees) -> None:
    account = Account.from_key(KEYS[1])

    signed = Signer(account, 31337).nothing(7, price, 21_000)

    expected = account.sign_transaction(
        {
            "to": account.address,
            "data": b"",
            "value": 0,
            "gas": 21_000,
            **price.fields,
            "nonce": 7,
            "chainId": 31337,
        }
    )
    assert signed.raw == bytes(expected.raw_transaction)
    assert signed.cancels
    assert Account.recover_transaction(signed.raw) == account.address
