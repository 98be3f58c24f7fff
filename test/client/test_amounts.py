"""Amounts are read exactly or not at all."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from infernet_client.cli.amounts import UNITS, Amount, parse_amount


@pytest.mark.parametrize(
    ("text", "wei"),
    [
        ("0", 0),
        ("100", 100),
        ("1 ether", 10**18),
        ("1.5 gwei", 15 * 10**8),
        ("1 GWei", 10**9),
        ("2 lovelace", 2 * 10**6),
        ("0.000000000000000001 ether", 1),
        (" 3   finney ", 3 * 10**15),
        ("1.0", 1),
        (str(2**256 - 1), 2**256 - 1),
    ],
)
def test_amounts(text: str, wei: int) -> None:
    assert parse_amount(text) == Amount(text, wei)
    assert str(parse_amount(text)) == text


def test_every_unit_has_its_value() -> None:
    groups = {
        0: ["wei"],
        3: ["kwei", "babbage", "femtoether"],
        6: ["mwei", "lovelace", "picoether"],
        9: ["gwei", "shannon", "nanoether", "nano"],
        12: ["szabo", "microether", "micro"],
        15: ["finney", "milliether", "milli"],
        18: ["ether"],
        21: ["kether", "grand"],
        24: ["mether"],
        27: ["gether"],
        30: ["tether"],
    }

    assert {name: 10**power for power, names in groups.items() for name in names} == UNITS


@pytest.mark.parametrize(
    ("text", "problem"),
    [
        ("", "is not an amount"),
        ("ether", "is not an amount"),
        ("-1", "is not an amount"),
        ("1e18", "is not an amount"),
        ("1ether", "is not an amount"),
        ("1_000", "is not an amount"),
        ("0x10", "is not an amount"),
        ("1 ether 2", "is not an amount"),
        ("١ ether", "is not an amount"),
        ("1 dollar", "'dollar' is not a unit; the units are wei, kwei"),
        ("0.5", "is not a whole number of wei"),
        ("0.0000000000000000001 ether", "is not a whole number of wei"),
        (str(2**256), "is more than a uint256 holds"),
    ],
)
def test_anything_else_is_refused(text: str, problem: str) -> None:
    with pytest.raises(ValueError, match=problem):
        parse_amount(text)


@given(st.integers(0, 2**200), st.sampled_from(sorted(UNITS)))
def test_what_is_written_in_a_unit_is_read_back(wei: int, unit: str) -> None:
    digits = len(str(UNITS[unit])) - 1
    whole, rest = divmod(wei, UNITS[unit])
    text = f"{whole}.{rest:0{digits}d} {unit}" if digits else f"{whole} {unit}"

    assert parse_amount(text).units == wei
