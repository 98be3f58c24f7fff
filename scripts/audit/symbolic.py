"""Proofs by halmos: every ``check_`` function under ``test/contracts/symbolic``."""

import os
import re
import subprocess
from pathlib import Path

import click

from scripts.errors import ScriptError

ROOT = Path(__file__).parent.parent.parent
BIN = ROOT / ".build" / "audit" / "venv" / "bin"
CHECKS = ROOT / "test" / "contracts" / "symbolic"
SOLVER_SECONDS = 180
"""For one question; the hardest takes a few seconds."""
RESULTS = re.compile(r"Symbolic test result: (\d+) passed; (\d+) failed")


@click.command()
def main() -> None:
    """Proves every check, or prints the counterexample of the one that does not hold."""
    command = [
        str(BIN / "halmos"),
        *("--forge-build-out", ".build/symbolic/out"),
        # yices, halmos' own choice, does not see in time that a - b <= a follows from b <= a.
        *("--solver", "z3", "--solver-command", str(BIN / "z3")),
        *("--solver-timeout-assertion", str(1000 * SOLVER_SECONDS)),
        "--no-status",
    ]
    done = subprocess.run(
        command,
        cwd=ROOT,
        env={**os.environ, "FOUNDRY_PROFILE": "symbolic"},
        stdout=subprocess.PIPE,
        text=True,
        check=False,
    )
    click.echo(done.stdout.strip())
    results = [(int(passed), int(failed)) for passed, failed in RESULTS.findall(done.stdout)]
    passed, failed = sum(result[0] for result in results), sum(result[1] for result in results)
    click.echo(f"halmos: {passed} checks proved, {failed} not")
    if done.returncode or failed or not passed:
        raise ScriptError("a check does not hold, or halmos could not decide it: see above")


if __name__ == "__main__":
    main()
