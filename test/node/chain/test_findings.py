"""Each weakness of the reference node that this half must not share has a test by its number."""

import re
from pathlib import Path

ON_CHAIN = {8, *range(16, 28), *range(29, 33), *range(34, 40)}
"""Rows of the list of weaknesses that concern the on-chain half."""


def test_every_row_has_a_test() -> None:
    source = "".join(path.read_text() for path in Path(__file__).parent.glob("test_*.py"))
    numbers = {int(number) for number in re.findall(r"def test_w_(\d+)_", source)}
    assert numbers >= ON_CHAIN
