"""``make checklist``: every promise of the user's document, and the tests that hold it."""

import re
import subprocess
import sys
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from pathlib import Path

import click

from scripts.errors import ScriptError
from scripts.stack import ROOT
from scripts.terminal.command import SETTINGS, ScriptCommand

PAGE = ROOT / "docs" / "checklist.md"
PROMISES = 114
"""Lines of the list."""

_ROW = re.compile(r"^\| (\d+) \| (.+?) \|(.*)\|$", re.MULTILINE)
_NAME = re.compile(r"`([^`]+)`")


@dataclass(frozen=True, slots=True)
class Promise:
    """A line of the checklist."""

    number: int
    text: str
    tests: tuple[str, ...]
    """Names: ``file::test``, for Solidity ``file::contract::test``."""


def promises(page: Path = PAGE) -> list[Promise]:
    """Reads the page."""
    return [
        Promise(int(number), text, tuple(_NAME.findall(tests)))
        for number, text, tests in _ROW.findall(page.read_text())
    ]


def python_tests(files: Iterable[str]) -> set[str]:
    """Returns the tests that pytest finds in files, without their parameters.

    Raises:
        ScriptError: if a file cannot be collected.
    """
    done = subprocess.run(
        [sys.executable, "-m", "pytest", "--collect-only", "-q", *sorted(files)],
        cwd=ROOT,
        capture_output=True,
        text=True,
        check=False,
    )
    if done.returncode:
        raise ScriptError(f"pytest cannot collect the tests:\n{done.stdout}{done.stderr}")
    return {line.partition("[")[0] for line in done.stdout.splitlines() if "::" in line}


def solidity_tests(files: Iterable[str]) -> Iterator[str]:
    """Yields the tests in files of forge, contract by contract."""
    for file in files:
        contract = ""
        for match in re.finditer(
            r"^contract (\w+)|^ *function (test\w*)\(", (ROOT / file).read_text(), re.MULTILINE
        ):
            contract = match[1] or contract
            if match[2]:
                yield f"{file}::{contract}::{match[2]}"


def existing(named: Iterable[str]) -> set[str]:
    """Returns every test of the files that names speak of; files that are not there have none."""
    files = {file for name in named if (ROOT / (file := name.partition("::")[0])).is_file()}
    solidity = {file for file in files if file.endswith(".sol")}
    return python_tests(files - solidity) | set(solidity_tests(solidity))


def faults(listed: list[Promise], tests: set[str]) -> Iterator[str]:
    """Yields what is wrong with the list, given the tests that exist."""
    if [promise.number for promise in listed] != list(range(1, PROMISES + 1)):
        yield f"the lines are not numbered 1 to {PROMISES}, each once and in order"
    for promise in listed:
        if not promise.tests:
            yield f"{promise.number}: no test holds it"
        for name in promise.tests:
            if name not in tests:
                yield f"{promise.number}: there is no test {name}"


@click.command(cls=ScriptCommand, context_settings=SETTINGS)
def cli() -> None:
    """Prints the promises of the user's document with the tests that hold each.

    Fails where a promise has no test, or names one that does not exist.
    """
    listed = promises()
    tests = existing(name for promise in listed for name in promise.tests)
    for promise in listed:
        click.echo(f"{promise.number:>3}  {promise.text}")
        for name in promise.tests:
            mark = click.style("ok", fg="green") if name in tests else click.style("--", fg="red")
            click.echo(f"     {mark} {name}")
    wrong = list(faults(listed, tests))
    held = sum(bool(promise.tests) for promise in listed)
    named = {name for promise in listed for name in promise.tests}
    click.echo(f"\n{held} of {PROMISES} promises are held by {len(named)} tests")
    if wrong:
        raise ScriptError("\n".join(wrong))


if __name__ == "__main__":
    cli()
