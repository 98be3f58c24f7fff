"""The site of `make docs`, which is strict: what a test can say without building it."""

import re
from pathlib import PurePosixPath

import pytest

from scripts.pages import inside
from scripts.stack import ROOT

DOCS = ROOT / "docs"
CONFIGURATION = (ROOT / "mkdocs.yml").read_text()
PAGES = {str(path.relative_to(DOCS)) for path in DOCS.rglob("*.md")}


def test_every_page_is_in_the_navigation_once() -> None:
    listed = re.findall(r": (\S+\.md)$", CONFIGURATION, re.MULTILINE)

    assert sorted(listed) == sorted(PAGES)


def test_the_front_page_and_the_readme_lead_to_every_page() -> None:
    front = (DOCS / "index.md").read_text()
    reached = set(re.findall(r"\]\(([^)#]+\.md)", front)) | {"index.md"}
    reached |= {page for page in PAGES if page.startswith("contracts/")}  # listed by contracts.md

    assert reached == PAGES
    readme = set(re.findall(r"\]\(docs/([^)#]+\.md)", (ROOT / "README.md").read_text()))
    assert readme | {page for page in PAGES if page.startswith("contracts/")} == PAGES


def test_nothing_is_fetched_from_elsewhere() -> None:
    assert "http" not in CONFIGURATION
    assert "highlightjs: false" in CONFIGURATION
    assert "url(" not in (DOCS / "assets" / "site.css").read_text()


@pytest.mark.parametrize(
    ("source", "link", "shown"),
    [
        ("node.md", "[service](service.md)", "[service](service.md)"),
        ("node.md", "[metrics](service.md#metrics)", "[metrics](service.md#metrics)"),
        ("node.md", "[here](#metrics)", "[here](#metrics)"),
        ("node.md", "[ape](https://ape.example/x)", "[ape](https://ape.example/x)"),
        ("guide/x.md", "[all](../node.md)", "[all](../node.md)"),
        ("node.md", "[deploy/local.json](../deploy/local.json)", "`deploy/local.json`"),
        ("guide/x.md", "[a sample](../../deploy/config.json)", "a sample (`deploy/config.json`)"),
        ("contracts/X.md", "[`X.sol`](../../contracts/X.sol)", "`contracts/X.sol`"),
    ],
)
def test_links_that_leave_the_pages_name_the_file(source: str, link: str, shown: str) -> None:
    assert inside(f"see {link}.", PurePosixPath(source)) == f"see {shown}."
