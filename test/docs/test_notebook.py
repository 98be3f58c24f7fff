"""The runner of pages fails where a reader would."""

from pathlib import Path

import pytest

from scripts.stack import ROOT
from test.docs.blocks import PageError, blocks, matches
from test.docs.notebook import Notebook
from test.service.configuring import load, policy_of

GUIDE = ROOT / "docs" / "guide"


def page(folder: Path, text: str) -> Path:
    path = folder / "page.md"
    path.write_text(text)
    return path


def test_blocks_share_python_shell_and_files(tmp_path: Path) -> None:
    text = """
```json title="data/one.json"
{"host": "http://printed"}
```
```python
import asyncio, json
await asyncio.sleep(0)
host = json.load(open("data/one.json"))["host"]
```
```bash
NAME="a b"
```
```python
print(host)
```
```text
http://printed
```
```bash
echo "$NAME: $(cat data/one.json)"
```
```text
a b: {…}
```
"""
    with Notebook(tmp_path, {"http://printed": "http://ours"}) as notebook:
        notebook.run(page(tmp_path, text))

    assert notebook.outputs[2] == "http://ours\n"


@pytest.mark.parametrize(
    ("text", "told"),
    [
        ("```python\n1 / 0\n```\n", "page.md:1:.*ZeroDivisionError"),
        ("```python\nprint(1)\n```\n```text\n2\n```\n", "page.md:1 printed\n1\n"),
        ("```bash\nfalse\necho on\n```\n", "page.md:1: exit code 1"),
        ("```bash\necho $UNSET_HERE\n```\n", "UNSET_HERE: unbound variable"),
        ("```json\n{}\n```\n", "page.md:1: a block that is not run"),
    ],
)
def test_a_page_that_does_not_work_is_named(tmp_path: Path, text: str, told: str) -> None:
    with Notebook(tmp_path, {}) as notebook, pytest.raises(PageError, match=f"(?s){told}"):
        notebook.run(page(tmp_path, text))


def test_an_ellipsis_stands_for_anything() -> None:
    assert matches('{"id": "…"}\n', '{"id": "7"}\n')
    assert not matches('{"id": "…"}\n', '{"no": "7"}\n')


def test_every_page_of_the_guide_is_run_by_a_test() -> None:
    tests = (ROOT / "test/e2e/test_guide.py").read_text()

    for path in GUIDE.glob("*.md"):
        assert blocks(path)
        assert f'notebook.run(GUIDE / "{path.name}")' in tests, path.name


def test_defaults_that_the_guide_prints_change_nothing() -> None:
    printed = {}
    for line in (GUIDE / "service.md").read_text().splitlines():
        if line.startswith("| `TGI_"):
            cells = [cell.strip().strip("`") for cell in line.strip("|").split("|")]
            printed[cells[0]] = cells[2]
    host = printed.pop("TGI_INF_WORKFLOW_POSITIONAL_ARGS")
    assert host == '["http://FILL_HOSTNAME_HERE", 30]'
    assert len(printed) == 6

    assert policy_of(load(**printed)) == policy_of(load())
    assert load(**printed).workflow.parameters == load().workflow.parameters == {}
