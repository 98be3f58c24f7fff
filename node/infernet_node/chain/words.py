"""The Subscription struct and the arguments of deliveries as words of their ABI encoding.

The general codec of eth-abi takes 10 to 50 times as long, which a chain with a hundred thousand
subscriptions turns into minutes, and a hundred answers a second into a hundredth of a core.
"""

from functools import lru_cache

from eth_utils.address import to_checksum_address

from infernet_protocol.subscription import Subscription

WORD = 32
SIZE = 11 * WORD
"""Bytes of one struct."""
_HEAD = 2 * WORD
"""Offset and length in front of an array's elements."""
_ADDRESS = bytes(12)


def pack(subscription: Subscription) -> bytes:
    """Returns the struct's ABI encoding."""
    s = subscription
    return b"".join(
        (
            _address_word(s.owner),
            s.active_at.to_bytes(WORD, "big"),
            s.period.to_bytes(WORD, "big"),
            s.frequency.to_bytes(WORD, "big"),
            s.redundancy.to_bytes(WORD, "big"),
            s.container_id,
            s.lazy.to_bytes(WORD, "big"),
            _address_word(s.verifier),
            s.payment_amount.to_bytes(WORD, "big"),
            _address_word(s.payment_token),
            _address_word(s.wallet),
        )
    )


def unpack(struct: bytes) -> Subscription:
    """Reverses :func:`pack`.

    Raises:
        ValueError: if it is no encoded struct.
    """
    if len(struct) != SIZE:
        raise ValueError(f"a Subscription has {SIZE} bytes, not {len(struct)}")
    words = [struct[start : start + WORD] for start in range(0, SIZE, WORD)]
    number = [int.from_bytes(word, "big") for word in words]
    if number[6] > 1:
        raise ValueError("lazy is neither true nor false")
    return Subscription(
        owner=_address(words[0]),
        active_at=number[1],
        period=number[2],
        frequency=number[3],
        redundancy=number[4],
        container_id=words[5],
        lazy=number[6] == 1,
        verifier=_address(words[7]),
        payment_amount=number[8],
        payment_token=_address(words[9]),
        wallet=_address(words[10]),
    )


def unpack_array(returned: bytes) -> list[Subscription]:
    """Reads what a function that returns ``Subscription[]`` returned.

    Raises:
        ValueError: if it is not that.
    """
    offset, count = (int.from_bytes(returned[at : at + WORD], "big") for at in (0, WORD))
    if offset != WORD or len(returned) != _HEAD + count * SIZE:
        raise ValueError("not an array of subscriptions")
    return [unpack(returned[at : at + SIZE]) for at in range(_HEAD, len(returned), SIZE)]


def arguments(*values: int | str | bytes) -> bytes:
    """Returns the ABI encoding of arguments: unsigned numbers, addresses (text) and ``bytes``."""
    heads: list[bytes] = []
    tails: list[bytes] = []
    end = len(values) * WORD
    for value in values:
        if isinstance(value, int):
            heads.append(value.to_bytes(WORD, "big"))
        elif isinstance(value, str):
            heads.append(_address_word(value))
        else:
            heads.append(end.to_bytes(WORD, "big"))
            tails += (len(value).to_bytes(WORD, "big"), value, bytes(-len(value) % WORD))
            end += WORD + len(value) + -len(value) % WORD
    return b"".join(heads + tails)


def _address_word(address: str) -> bytes:
    return bytes.fromhex("00" * 12 + address[2:])


# Most subscriptions share their owner, and nearly all their zero addresses, with others.
@lru_cache(maxsize=4096)
def _address(word: bytes) -> str:
    if word[:12] != _ADDRESS:
        raise ValueError("an address has 20 bytes")
    return str(to_checksum_address(word[12:]))
