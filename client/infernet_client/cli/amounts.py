"""Amounts as people write them: ``100`` for the smallest unit, ``'1.5 ether'`` with one."""

import re
from dataclasses import dataclass
from fractions import Fraction

_GROUPS = (
    "wei",
    "kwei babbage femtoether",
    "mwei lovelace picoether",
    "gwei shannon nanoether nano",
    "szabo microether micro",
    "finney milliether milli",
    "ether",
    "kether grand",
    "mether",
    "gether",
    "tether",
)
UNITS = {unit: 10 ** (3 * power) for power, group in enumerate(_GROUPS) for unit in group.split()}
"""Units of ether by name, in wei."""
_AMOUNT = re.compile(r"([0-9]+(?:\.[0-9]+)?)(?:\s+([A-Za-z]+))?")
_MAX = 2**256 - 1


@dataclass(frozen=True, slots=True)
class Amount:
    """What was typed, and what it is worth."""

    text: str
    units: int
    """Wei, or the token's smallest unit."""

    def __str__(self) -> str:
        return self.text


def parse_amount(text: str) -> Amount:
    """Reads an amount exactly; nothing is rounded.

    Raises:
        ValueError: if it is not understood, is no whole number of wei, or exceeds uint256.
    """
    match = _AMOUNT.fullmatch(text.strip())
    if match is None:
        raise ValueError(f"{text!r} is not an amount; write 100 or '1.5 ether'")
    number, unit = match.group(1), (match.group(2) or "wei").lower()
    if unit not in UNITS:
        raise ValueError(f"{unit!r} is not a unit; the units are {', '.join(UNITS)}")
    units = Fraction(number) * UNITS[unit]
    if units.denominator != 1:
        raise ValueError(f"{text!r} is not a whole number of wei or smallest units")
    if units > _MAX:
        raise ValueError(f"{text!r} is more than a uint256 holds")
    return Amount(text, int(units))
