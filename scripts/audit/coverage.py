"""Coverage of the contracts by the forge tests, with a bar for branches.

forge's own table cannot be told a bar; its LCOV report is read instead.
"""

import os
import subprocess
from collections.abc import Iterable
from dataclasses import dataclass
from pathlib import Path

import click

from scripts.errors import ScriptError

ROOT = Path(__file__).parent.parent.parent
REPORT = ROOT / ".build" / "coverage.lcov"
COUNTED = "contracts/"
APART = ("contracts/examples/", "contracts/testing/")
"""What authors copy or test with; not part of a deployment."""
UNSEEN = {
    "contracts/payments/WalletProxy.sol": "forge tells contracts apart by their code, and too much "
    "of this one's is an address set at its creation. The tests of wallets run on it as a whole."
}
"""Files that forge does not see running, each with the reason."""
BAR = 100.0
"""Percent of branches, and of lines."""


@dataclass(frozen=True, slots=True)
class FileCoverage:
    """Coverage of one source file."""

    path: str
    lines: dict[int, int]
    """Times each line was reached."""
    branches: dict[tuple[int, str], int]
    """Times each branch was taken, by line and LCOV's name of the branch."""

    @property
    def missed_lines(self) -> list[int]:
        return [line for line, times in self.lines.items() if not times]

    @property
    def missed_branches(self) -> list[int]:
        """Lines of the branches that no test takes; a line is named once per branch."""
        return [line for (line, _), times in self.branches.items() if not times]


def parse_lcov(text: str) -> list[FileCoverage]:
    """Reads an LCOV tracefile."""
    files: list[FileCoverage] = []
    for record in text.splitlines():
        kind, _, value = record.partition(":")
        if kind == "SF":
            files.append(FileCoverage(value, {}, {}))
        elif kind == "DA":
            line, times = value.split(",")[:2]
            files[-1].lines[int(line)] = int(times)
        elif kind == "BRDA":
            line, block, branch, times = value.split(",")
            taken = 0 if times == "-" else int(times)
            files[-1].branches[int(line), f"{block},{branch}"] = taken
    return files


def counted(files: Iterable[FileCoverage]) -> list[FileCoverage]:
    """Returns the files of the deployed contracts and of what consumers inherit."""
    return [
        file
        for file in files
        if file.path.startswith(COUNTED) and not file.path.startswith(APART) and file.lines
        if file.path not in UNSEEN
    ]


def percent(missed: int, total: int) -> float:
    """Returns how much of a total was not missed; of nothing, all."""
    return 100.0 if total == 0 else 100 * (total - missed) / total


def measure() -> list[FileCoverage]:
    """Runs the forge tests and returns what they reached.

    Raises:
        ScriptError: if a test fails.
    """
    REPORT.parent.mkdir(exist_ok=True)
    command = ["forge", "coverage", "--report", "lcov", "--report-file", str(REPORT)]
    done = subprocess.run(
        command,
        cwd=ROOT,
        env={**os.environ, "FOUNDRY_PROFILE": "unoptimized"},
        capture_output=True,
        text=True,
        check=False,
    )
    if done.returncode:
        raise ScriptError(f"forge coverage: {(done.stderr or done.stdout).strip()[-2000:]}")
    return counted(parse_lcov(REPORT.read_text()))


def show(file: FileCoverage) -> None:
    """Prints one line, and one more where something is missed."""
    lines, branches = len(file.lines), len(file.branches)
    reached = f"{lines - len(file.missed_lines)}/{lines} lines"
    taken = f"{branches - len(file.missed_branches)}/{branches} branches"
    click.echo(f"{file.path:<40} {reached:>15} {taken:>17}")
    if file.missed_lines:
        click.echo(f"    lines never reached: {', '.join(map(str, file.missed_lines))}")
    if file.missed_branches:
        click.echo(f"    branches never taken: {', '.join(map(str, file.missed_branches))}")


@click.command()
def main() -> None:
    """Measures the coverage of contracts/ (examples aside) and fails below the bar."""
    files = measure()
    if not files:
        raise ScriptError(f"forge coverage reported no file of {COUNTED}")
    for file in files:
        show(file)
    lines = percent(
        sum(len(file.missed_lines) for file in files), sum(len(file.lines) for file in files)
    )
    branches = percent(
        sum(len(file.missed_branches) for file in files),
        sum(len(file.branches) for file in files),
    )
    for path, reason in UNSEEN.items():
        click.echo(f"not counted: {path}\n    {reason}")
    click.echo(f"coverage: {lines:.1f} % of lines, {branches:.1f} % of branches")
    if min(lines, branches) < BAR:
        raise ScriptError(f"{BAR:g} % of lines and branches are required")


if __name__ == "__main__":
    main()
