"""Pages and the Makefile point at things that are there."""

import re
import subprocess
from pathlib import Path

import pytest

ROOT = Path(__file__).parent.parent.parent
PAGES = sorted([ROOT / "README.md", ROOT / "CHANGELOG.md", *(ROOT / "docs").rglob("*.md")])
UNFINISHED = re.compile(r"\b(TODO|FIXME|TBD|[A-Z]+_(OUTPUT|FIGURES))\b")
LINK = re.compile(r"\]\((?!https?:|mailto:|#)([^)#\s]+)")
CODE = re.compile(r"^```.*?^```", re.MULTILINE | re.DOTALL)


def tracked() -> set[str]:
    """Every path that git knows, folders included."""
    listed = subprocess.run(
        ["git", "ls-files"], cwd=ROOT, capture_output=True, text=True, check=True
    ).stdout.splitlines()
    folders = {str(parent) for path in listed for parent in Path(path).parents}
    return {*listed, *folders}


def name(page: Path) -> str:
    return str(page.relative_to(ROOT))


@pytest.mark.parametrize("page", PAGES, ids=name)
def test_no_page_holds_a_placeholder(page: Path) -> None:
    assert UNFINISHED.findall(page.read_text()) == []


@pytest.mark.parametrize("page", PAGES, ids=name)
def test_every_link_leads_to_a_file_of_the_repository(page: Path) -> None:
    known = tracked()
    for link in LINK.findall(CODE.sub("", page.read_text())):
        target = (page.parent / link).resolve().relative_to(ROOT)
        assert str(target) in known, f"{name(page)} links to {link}"


def test_every_make_target_in_a_page_exists() -> None:
    targets = set(re.findall(r"^([a-z][a-z0-9-]*):", (ROOT / "Makefile").read_text(), re.MULTILINE))
    for page in PAGES:
        for used in re.findall(r"`make ([a-z][a-z0-9-]*)", page.read_text()):
            assert used in targets, f"{name(page)} speaks of make {used}"


def test_every_file_that_make_starts_from_is_in_the_repository() -> None:
    known = tracked()
    for rule in re.findall(r"^[^#\t\n:=]+:(?!=)([^#\n=]*)", (ROOT / "Makefile").read_text(), re.M):
        for prerequisite in re.findall(r"[\w./-]+\.(?:lock|toml|json|txt)\b", rule):
            assert prerequisite in known, f"the Makefile needs {prerequisite}"
