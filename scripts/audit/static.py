"""Static analysis by slither: no finding of high or medium severity without an explanation.

``findings.toml`` explains those that stay. A finding that is not explained fails, and so does an
explanation whose finding is gone.
"""

import json
import subprocess
import tomllib
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Self

import click

from scripts.errors import ScriptError

ROOT = Path(__file__).parent.parent.parent
BIN = ROOT / ".build" / "audit" / "venv" / "bin"
BUILD = Path(".build", "static", "out")
EXPLAINED = Path(__file__).with_name("findings.toml")
GRAVE = ("High", "Medium")


@dataclass(frozen=True, slots=True)
class Finding:
    """Something slither objects to."""

    check: str
    """Name of the detector."""
    where: str
    """``Contract``, ``Contract.member`` or ``Contract.function.variable``."""
    impact: str
    text: str

    @classmethod
    def from_json(cls, record: dict[str, Any]) -> Self:
        """Reads an entry of ``results.detectors`` of slither's JSON output."""
        names: list[str] = []
        element = record["elements"][0]
        while element:
            names.insert(0, element["name"])
            element = element.get("type_specific_fields", {}).get("parent")
        names = [name for name in names if not name.endswith(".sol")]
        return cls(
            record["check"], ".".join(names), record["impact"], record["description"].split("\n")[0]
        )

    @property
    def key(self) -> tuple[str, str]:
        return self.check, self.where


def analyse() -> list[Finding]:
    """Builds the contracts and returns slither's findings.

    Raises:
        ScriptError: if the build or slither fails.
    """
    options = ["--out", str(BUILD), "--cache-path", str(BUILD.parent / "cache")]
    _run(["forge", "build", "--quiet", "--force", "--build-info", *options, "contracts"])
    done = _run(
        [
            str(BIN / "slither"),
            ".",
            *("--ignore-compile", "--foundry-out-directory", str(BUILD)),
            *("--filter-paths", "node_modules", "--exclude-informational", "--json", "-"),
            "--fail-none",
        ]
    )
    report = json.loads(done.stdout)
    if not report["success"]:
        raise ScriptError(f"slither: {report['error']}")
    return [Finding.from_json(record) for record in report["results"].get("detectors", [])]


def _run(command: list[str]) -> subprocess.CompletedProcess[str]:
    done = subprocess.run(command, cwd=ROOT, capture_output=True, text=True, check=False)
    if done.returncode:
        raise ScriptError(f"{Path(command[0]).name}: {done.stderr.strip()[-2000:]}")
    return done


def explanations() -> dict[tuple[str, str], str]:
    """Returns why a finding stays, by detector and place."""
    entries = tomllib.loads(EXPLAINED.read_text())["finding"]
    return {(entry["check"], entry["where"]): entry["reason"] for entry in entries}


@click.command()
def main() -> None:
    """Lists slither's findings and fails for a grave one that nobody explained."""
    findings = analyse()
    grave = [finding for finding in findings if finding.impact in GRAVE]
    reasons = explanations()
    for finding in grave:
        reason = reasons.get(finding.key, "NOT EXPLAINED")
        click.echo(f"{finding.impact} {finding.check} {finding.where}\n    {reason}")
    unexplained = [finding for finding in grave if finding.key not in reasons]
    gone = reasons.keys() - {finding.key for finding in grave}
    click.echo(
        f"slither: {len(grave)} findings of high or medium severity, "
        f"{len(unexplained)} of them not explained; {len(findings) - len(grave)} below"
    )
    for check, where in sorted(gone):
        click.echo(f"explained but not found: {check} {where}", err=True)
    if unexplained or gone:
        raise ScriptError(f"correct the code, or {EXPLAINED.relative_to(ROOT)}")


if __name__ == "__main__":
    main()
