"""The struct's words against the general ABI codec."""

import pytest
from eth_abi.abi import decode, encode
from eth_utils.address import to_checksum_address
from hypothesis import given, settings
from hypothesis import strategies as st

from infernet_node.chain.words import arguments, pack, unpack, unpack_array
from infernet_protocol.subscription import ABI_TYPE, Subscription

addresses = st.binary(min_size=20, max_size=20).map(to_checksum_address)
uint32 = st.integers(0, 2**32 - 1)
subscriptions = st.builds(
    Subscription,
    owner=addresses,
    active_at=uint32,
    period=uint32,
    frequency=uint32,
    redundancy=st.integers(0, 2**16 - 1),
    container_id=st.binary(min_size=32, max_size=32),
    lazy=st.booleans(),
    verifier=addresses,
    payment_amount=st.integers(0, 2**256 - 1),
    payment_token=addresses,
    wallet=addresses,
)


@settings(deadline=None)
@given(subscriptions)
def test_words_are_the_abi_encoding(subscription: Subscription) -> None:
    assert pack(subscription) == encode([ABI_TYPE], [subscription.to_abi()])
    assert unpack(pack(subscription)) == subscription
    assert unpack(pack(subscription)) == Subscription.from_abi(
        decode([ABI_TYPE], pack(subscription))[0]
    )


@settings(deadline=None)
@given(uint32, uint32, st.binary(max_size=70), st.binary(max_size=70), addresses)
def test_arguments_are_the_abi_encoding(
    subscription_id: int, interval: int, one: bytes, two: bytes, wallet: str
) -> None:
    values = (subscription_id, interval, one, two, b"", wallet)
    types = ["uint32", "uint32", "bytes", "bytes", "bytes", "address"]

    assert arguments(*values) == encode(types, values)


@settings(deadline=None)
@given(st.lists(subscriptions, max_size=4))
def test_an_array_is_read_as_the_codec_reads_it(several: list[Subscription]) -> None:
    returned = encode([f"{ABI_TYPE}[]"], [[each.to_abi() for each in several]])

    assert unpack_array(returned) == several


@pytest.mark.parametrize(
    "returned",
    [
        b"",
        bytes(31),
        bytes(64),
        (32).to_bytes(32, "big") + (1).to_bytes(32, "big"),
        (32).to_bytes(32, "big") + (2**255).to_bytes(32, "big") + bytes(352),
        (32).to_bytes(32, "big") + (1).to_bytes(32, "big") + b"\x01" * 352,
    ],
    ids=["nothing", "half a word", "offset 0", "too short", "endless", "no address"],
)
def test_foreign_bytes_are_no_array(returned: bytes) -> None:
    with pytest.raises(ValueError, match=r"subscriptions|address|lazy"):
        unpack_array(returned)
