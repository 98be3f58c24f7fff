"""Migration pages: every claim names tests that exist, and the worked example is short."""

import difflib
import re
from pathlib import Path

import pytest

from scripts.checklist import existing
from scripts.stack import ROOT
from test.docs.blocks import blocks

PAGES = sorted((ROOT / "docs" / "migration").glob("*.md"))
EXAMPLE = ROOT / "docs" / "migration" / "chainlink-functions.md"
MOST_CHANGED_LINES = 20
NAME = re.compile(r"`([^`]+::[^`]+)`")


def claims(page: Path) -> list[list[str]]:
    """Returns the rows of the page's tables, but their heads."""
    lines = [line for line in page.read_text().splitlines() if line.startswith("| ")]
    return [
        [cell.strip() for cell in line.strip("|").split(" | ")]
        for line in lines
        if not line.endswith("| Held by |") and set(line) - set("|- ")
    ]


def test_there_is_a_page_for_each() -> None:
    assert [page.stem for page in PAGES] == [
        "chainlink-functions",
        "infernet-client",
        "infernet-node",
        "infernet-sdk",
    ]


@pytest.mark.parametrize("page", PAGES, ids=lambda page: str(page.stem))
def test_every_claim_names_a_test(page: Path) -> None:
    rows = claims(page)

    assert len(rows) > 5
    for row in rows:
        assert NAME.search(row[-1]), row[0]


def test_every_test_that_is_named_exists() -> None:
    named = {name for page in PAGES for name in NAME.findall(page.read_text())}

    assert named - existing(named) == set()


def changed_lines(before: str, after: str) -> int:
    """Returns how many lines were replaced, added or taken away."""
    matcher = difflib.SequenceMatcher(None, before.splitlines(), after.splitlines(), autojunk=False)
    return sum(
        max(last - first, end - start)
        for tag, first, last, start, end in matcher.get_opcodes()
        if tag != "equal"
    )


def test_the_worked_example_changes_few_lines() -> None:
    contracts = {block.title: block.text for block in blocks(EXAMPLE) if block.title}

    changed = changed_lines(contracts["before/Chat.sol"], contracts["src/Chat.sol"])

    assert changed <= MOST_CHANGED_LINES
    assert f"That is {changed} changed lines" in EXAMPLE.read_text()


def test_what_stays_is_not_counted() -> None:
    assert changed_lines("a\nb\nc\n", "a\nb\nc\n") == 0
    assert changed_lines("a\nb\nc\n", "a\nx\n") == 2
    assert changed_lines("a\n", "a\nx\ny\n") == 2
