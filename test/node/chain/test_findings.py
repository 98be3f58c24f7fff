"""Each weakness of the reference node that this half must not share has a test by its number."""

import re
from pathlib import Path

ON_CHAIN = {
    7: "delegated requests escape the checks of payment",
    8: "somebody else's data for a signature that is public",
    9: "a bad signature is accepted in silence",
    15: "delegated requests live in memory",
    16: "one subscription blocks discovery",
    17: "an RPC error ends the node",
    18: "a restart forgets the chain",
    19: "an answer is delivered as the next interval's",
    20: "an unexpected answer kills the task in silence",
    21: "inputs that could not be read are empty inputs",
    22: "known errors of the rehearsal are ignored",
    23: "allowances for collateral overwrite each other",
    24: "intervals by the local clock",
    25: "a temporary shortage drops a subscription",
    26: "a delegated subscription is computed twice",
    27: "one after the other",
    28: "a table of pipelines without bounds",
    29: "a callback is dropped for any error",
    30: "three reverts drop a recurring subscription",
    31: "a gas cap that is none",
    32: "requests by the tick instead of by the block",
    34: "nonces by the endpoint's pending count",
    35: "a transaction that is not mined is waited for without end",
    36: "reorganisations go unnoticed",
    37: "collateral stays locked",
    38: "no look at the account's own balance",
    39: "own transactions under way are not seen",
    49: "computed, sent, confirmed and paid are counted as one",
    56: "nobody says what became of a request, or can have it tried again or dropped",
}
"""Rows of the list of weaknesses that concern the on-chain half."""

TESTS = Path(__file__).parent.parent.parent
FOLDERS = ("node/chain", "e2e", "chaos")


def test_every_row_has_a_test() -> None:
    modules = [path for folder in FOLDERS for path in (TESTS / folder).glob("test_*.py")]
    source = "".join(path.read_text() for path in modules)
    numbers = {int(number) for number in re.findall(r"def test_w_(\d+)_", source)}
    missing = {number: row for number, row in ON_CHAIN.items() if number not in numbers}
    assert missing == {}
