"""``make checklist`` believes no promise without a test, and no name without a function."""

from pathlib import Path

import pytest
from click.testing import CliRunner

from scripts import checklist
from scripts.checklist import PROMISES, Promise, existing, faults, promises
from scripts.errors import ScriptError

HELD = "test/scripts/test_checklist.py::test_every_promise_is_held"
IN_A_CLASS = "test/node/test_config.py::TestFile::test_the_users_sample"
SOLIDITY = (
    "test/contracts/Coordinator.create.t.sol::CoordinatorIntervalTest::testFuzz_WindowOfAnInterval"
)


def numbered(*tests: str) -> list[Promise]:
    return [Promise(number, "x", tests) for number in range(1, PROMISES + 1)]


def test_every_promise_is_held() -> None:
    done = CliRunner().invoke(checklist.cli)

    assert (done.exit_code, done.stderr if done.stderr_bytes else "") == (0, "")
    *lines, last = done.stdout.splitlines()
    assert [int(line[:3]) for line in lines if line[:3].strip()] == list(range(1, PROMISES + 1))
    assert last.startswith(f"{PROMISES} of {PROMISES} promises are held by ")


def test_names_are_looked_up_where_they_say() -> None:
    found = existing([HELD, IN_A_CLASS, SOLIDITY, "test/no_such_file.py::test_x"])

    assert {HELD, IN_A_CLASS, SOLIDITY} <= found
    assert "test/node/test_config.py::test_the_users_sample" not in found
    assert SOLIDITY.replace("CoordinatorIntervalTest", "CoordinatorCancelTest") not in found


def test_a_list_in_order_is_faultless() -> None:
    assert list(faults(numbered(HELD), {HELD})) == []


def test_a_promise_without_a_test_is_named() -> None:
    assert "7: no test holds it" in list(faults(numbered(), set()))


def test_a_test_that_does_not_exist_is_named() -> None:
    assert f"7: there is no test {HELD}" in list(faults(numbered(HELD), set()))


def test_a_line_that_is_left_out_is_noticed() -> None:
    (fault,) = faults(numbered(HELD)[:-1], {HELD})

    assert fault.startswith(f"the lines are not numbered 1 to {PROMISES}")


def test_a_page_with_faults_is_exit_code_1(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    page = tmp_path / "checklist.md"
    page.write_text(f"| 1 | It works | `{HELD}` |\n| 2 | Well | |\n")
    monkeypatch.setattr(checklist, "promises", lambda: promises(page))

    done = CliRunner().invoke(checklist.cli)

    assert done.exit_code == 1
    assert "  1  It works\n     ok " in done.output
    assert "2: no test holds it" in done.output


def test_a_file_that_cannot_be_collected_is_quoted(tmp_path: Path) -> None:
    broken = tmp_path / "test_broken.py"
    broken.write_text("import no_such_module\n")

    with pytest.raises(ScriptError, match="no_such_module"):
        existing([f"{broken}::test_x"])
