"""Mutation testing: every mutant of a contract is tested until a test fails, or none does.

A mutant is compiled by itself and its code put where forge keeps the contract's. Tests deploy
contracts by name (``dynamic_test_linking``), so that nothing else has to be built: a mutant costs
a few seconds. What inherits from a mutated contract keeps the old code in this; survivors are
therefore built as a whole and tested once more, for longer, when all others have been tried.
"""

import json
import os
import shutil
import subprocess
import sys
import tomllib
from collections import Counter
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, replace
from pathlib import Path
from queue import SimpleQueue
from typing import Self

import click

from scripts.audit.compiler import CompilationError, Compiler
from scripts.errors import ScriptError

ROOT = Path(__file__).parent.parent.parent
WORK = ROOT / ".build" / "audit" / "mutation"
LOG = WORK / "verdicts.jsonl"
"""One JSON line per mutant that was tried, and one more per survivor that was tested again."""
PYTHON = ROOT / ".build" / "audit" / "venv" / "bin" / "python"
EXPLAINED = Path(__file__).with_name("survivors.toml")
PROFILE = "unoptimized"
OUT = Path(".build", PROFILE, "out")
BAR = 90.0
"""Percent of the mutants that tests must notice."""
TEST_SECONDS = 300
DEPLOYING = "contracts/testing/LibDeploy.sol"
"""The library by which tests deploy the core. It is a source, whose creations are compiled in."""
COPIED = ("contracts", "test/contracts", "scripts", "foundry.toml")
QUICK = {"FOUNDRY_FUZZ_RUNS": "32", "FOUNDRY_INVARIANT_RUNS": "4", "FOUNDRY_INVARIANT_DEPTH": "32"}
THOROUGH = {"FOUNDRY_INVARIANT_RUNS": "16"}
"""Limits of the first test of every mutant, and of the second one of survivors."""
_FACTORY = {"WalletFactory": "contracts/payments/WalletFactory.sol"}
_COORDINATORS = {
    "Coordinator": "contracts/Coordinator.sol",
    "EIP712Coordinator": "contracts/EIP712Coordinator.sol",
}
TARGETS = {
    "Wallet": {"Wallet": "contracts/payments/Wallet.sol", **_FACTORY},
    "WalletProxy": {"WalletProxy": "contracts/payments/WalletProxy.sol", **_FACTORY},
    "WalletFactory": _FACTORY,
    "WalletOrigin": {
        "WalletOrigin": "contracts/payments/WalletOrigin.sol",
        **_FACTORY,
        **_COORDINATORS,
    },
    "EIP712Coordinator": {"EIP712Coordinator": "contracts/EIP712Coordinator.sol"},
    "Coordinator": _COORDINATORS,
    "Settlement": {"Settlement": "contracts/payments/Settlement.sol", **_COORDINATORS},
    "Records": {
        "Records": "contracts/utility/Records.sol",
        **_COORDINATORS,
        "Reader": "contracts/utility/Reader.sol",
    },
}
"""Contracts that are mutated, each with those whose code contains its code and their files."""


@dataclass(frozen=True, slots=True)
class Mutant:
    """One change of one contract."""

    contract: str
    operator: str
    line: int
    """From 1."""
    code: str
    """The changed lines, without indentation."""
    text: str
    """The whole changed file."""

    @classmethod
    def read(cls, contract: str, original: bytes, record: str) -> Self:
        """Builds a mutant from a line that ``scripts/audit/mutants.py`` printed."""
        change = json.loads(record)
        text = original[: change["start"]] + change["new"].encode() + original[change["end"] :]
        begin = text.rfind(b"\n", 0, change["start"]) + 1
        end = text.find(b"\n", change["start"] + len(change["new"].encode()))
        code = " ".join(text[begin:end].decode().split())
        return cls(contract, change["operator"], change["line"], code, text.decode())

    @property
    def path(self) -> str:
        return TARGETS[self.contract][self.contract]


@dataclass(frozen=True, slots=True)
class Verdict:
    """What became of a mutant."""

    mutant: Mutant
    outcome: str
    """``killed``, ``survived``, ``invalid`` (does not compile) or ``same`` (code of another)."""
    detail: str = ""
    """The test that failed, or the compiler's complaint."""


def _deploy_by_name(root: Path) -> None:
    """Makes a copy's deploying library a file of the tests, which deploy contracts by name.

    Otherwise all tests of the coordinator would go on running the code it had when they were built.
    """
    library, test = root / DEPLOYING, root / "test/contracts/lib/LibDeploy.sol"
    source = library.read_text()
    test.write_text(source.replace('from "../', 'from "../../../contracts/'))
    library.write_text(
        "pragma solidity ^0.8.13;\n"
        'import {LibDeploy} from "../../test/contracts/lib/LibDeploy.sol";\n'
    )


def _output(root: Path, *command: str) -> str:
    """Runs what tells about the sources of a copy; returns what it prints.

    Raises:
        ScriptError: if it fails.
    """
    # With tests that deploy by name, forge compiles sources of its own making, which slither
    # cannot find.
    env = {**os.environ, "FOUNDRY_DYNAMIC_TEST_LINKING": "false"}
    done = subprocess.run(command, cwd=root, env=env, capture_output=True, text=True, check=False)
    if done.returncode:
        raise ScriptError(f"{' '.join(command)}: {(done.stderr or done.stdout).strip()[-2000:]}")
    return done.stdout


@dataclass
class Bench:
    """A copy of the project in which one mutant after the other is tried."""

    root: Path
    compiler: Compiler

    @classmethod
    def set_up(cls, number: int) -> Self:
        """Copies the project, with what the first copy has already built."""
        root = WORK / str(number)
        shutil.rmtree(root, ignore_errors=True)
        for name in COPIED:
            source, target = ROOT / name, root / name
            target.parent.mkdir(parents=True, exist_ok=True)
            if source.is_dir():
                shutil.copytree(source, target)
            else:
                shutil.copy2(source, target)
        (root / "node_modules").symlink_to(ROOT / "node_modules")
        _deploy_by_name(root)
        return cls(root, Compiler.start(root))

    def copy_build(self, of: "Bench") -> None:
        """Takes over what another copy has built."""
        shutil.copytree(of.root / ".build", self.root / ".build", dirs_exist_ok=True)

    def failing_test(self, **limits: str) -> str | None:
        """Runs the tests until one fails; returns its line, or ``None`` when all pass.

        Raises:
            ScriptError: if forge fails for another reason.
        """
        command = ["forge", "test", "--fail-fast", "--fuzz-seed", "1", "--color", "never"]
        try:
            done = subprocess.run(
                command,
                cwd=self.root,
                env={**os.environ, **limits, "FOUNDRY_PROFILE": PROFILE},
                capture_output=True,
                text=True,
                timeout=TEST_SECONDS,
                check=False,
            )
        except subprocess.TimeoutExpired:
            return f"no end within {TEST_SECONDS} s"
        if done.returncode == 0:
            return None
        for line in done.stdout.splitlines():
            if line.startswith("[FAIL"):
                return line
        raise ScriptError(f"forge test: {done.stderr.strip()[-2000:] or done.stdout[-2000:]}")

    def failing_test_with_code(
        self, code: dict[str, tuple[str, str]], mutant: Mutant
    ) -> str | None:
        """Like :meth:`failing_test`, with other code in place of some contracts'."""
        kept: dict[Path, str] = {}
        for name, (creation, runtime) in code.items():
            source = Path(TARGETS[mutant.contract][name]).name
            path = self.root / OUT / source / f"{name}.json"
            kept[path] = path.read_text()
            artifact = json.loads(kept[path])
            artifact["bytecode"]["object"] = creation
            artifact["deployedBytecode"]["object"] = runtime
            path.write_text(json.dumps(artifact))
        try:
            return self.failing_test(**QUICK)
        finally:
            for path, text in kept.items():
                path.write_text(text)

    def failing_test_after_build(self, mutant: Mutant) -> str | None:
        """Like :meth:`failing_test`, with the whole project built from the changed source."""
        path = self.root / mutant.path
        original = path.read_text()
        path.write_text(mutant.text)
        try:
            return self.failing_test(**THOROUGH)
        finally:
            path.write_text(original)


class Campaign:
    """All mutants of some contracts, tried on several copies at once."""

    def __init__(self, jobs: int) -> None:
        self.benches = [Bench.set_up(number) for number in range(jobs)]
        self.whole = Bench.set_up(jobs)
        """What the benches' builds are copied from, and what slither looks at."""
        self.free: SimpleQueue[Bench] = SimpleQueue()
        self.known: dict[str, set[str]] = {}
        """Code met so far by contract: equal code is one mutant, and the original is none."""

    def prepare(self) -> None:
        """Builds the project and makes sure that its tests pass.

        Raises:
            ScriptError: if they do not.
        """
        if failure := self.whole.failing_test(**QUICK):
            raise ScriptError(f"a test fails without any mutation: {failure}")
        for bench in self.benches:
            bench.copy_build(self.whole)
            self.free.put(bench)
        for contract, wanted in TARGETS.items():
            path = wanted[contract]
            code = self.whole.compiler.compile(path, (ROOT / path).read_text(), wanted)
            self.known[contract] = {json.dumps(code)}

    def mutants(self, contract: str) -> list[Mutant]:
        """Asks slither for the mutants of a contract.

        Raises:
            ScriptError: if forge or slither fails.
        """
        root = self.whole.root
        _output(root, "forge", "build", "--force", "--build-info", "contracts")
        mutants = _output(root, str(PYTHON), "scripts/audit/mutants.py", ".", contract)
        original = (root / TARGETS[contract][contract]).read_bytes()
        return [Mutant.read(contract, original, line) for line in mutants.splitlines()]

    def judge(self, mutants: list[Mutant]) -> Iterator[Verdict]:
        """Yields a verdict per mutant, in their order."""
        with ThreadPoolExecutor(len(self.benches)) as threads:
            yield from threads.map(self._judge, mutants)

    def judge_again(self, survivors: list[Verdict]) -> Iterator[Verdict]:
        """Builds each survivor as a whole and tests it thoroughly."""
        with ThreadPoolExecutor(len(self.benches)) as threads:
            yield from threads.map(self._judge_again, survivors)

    def _judge(self, mutant: Mutant) -> Verdict:
        bench = self.free.get()
        try:
            code = bench.compiler.compile(mutant.path, mutant.text, TARGETS[mutant.contract])
            fingerprint = json.dumps(code)
            if fingerprint in self.known[mutant.contract]:
                return Verdict(mutant, "same")
            self.known[mutant.contract].add(fingerprint)
            failure = bench.failing_test_with_code(code, mutant)
        except CompilationError as error:
            return Verdict(mutant, "invalid", str(error))
        finally:
            self.free.put(bench)
        return Verdict(mutant, "killed", failure) if failure else Verdict(mutant, "survived")

    def _judge_again(self, verdict: Verdict) -> Verdict:
        bench = self.free.get()
        try:
            failure = bench.failing_test_after_build(verdict.mutant)
        finally:
            self.free.put(bench)
        return replace(verdict, outcome="killed", detail=failure) if failure else verdict

    def close(self) -> None:
        """Ends the compilers."""
        for bench in (*self.benches, self.whole):
            bench.compiler.stop()


def explanations() -> dict[tuple[str, str], str]:
    """Returns why a survivor is no gap in the tests, by contract and changed code."""
    entries = tomllib.loads(EXPLAINED.read_text())["survivor"]
    return {(entry["contract"], entry["code"]): entry["reason"] for entry in entries}


def report(verdicts: list[Verdict]) -> float:
    """Prints the score and every survivor; returns the score in percent."""
    counts = Counter(verdict.outcome for verdict in verdicts)
    tried = counts["killed"] + counts["survived"]
    score = 100 * counts["killed"] / tried
    reasons = explanations()
    for verdict in verdicts:
        if verdict.outcome == "survived":
            mutant = verdict.mutant
            reason = reasons.get((mutant.contract, mutant.code), "NOT EXPLAINED")
            click.echo(f"{mutant.path}:{mutant.line} {mutant.operator} {mutant.code}\n    {reason}")
    click.echo(
        f"mutation: {counts['killed']} of {tried} mutants killed, {score:.1f} % "
        f"(besides, {counts['invalid']} do not compile and {counts['same']} are no change)"
    )
    return score


def write_down(verdict: Verdict) -> None:
    """Adds a verdict to the log, which tells how far an interrupted campaign came."""
    mutant = verdict.mutant
    record = {
        "contract": mutant.contract,
        "operator": mutant.operator,
        "line": mutant.line,
        "code": mutant.code,
        "outcome": verdict.outcome,
        "detail": verdict.detail,
    }
    with LOG.open("a") as log:
        print(json.dumps(record), file=log)


def shown(verdicts: Iterator[Verdict], length: int, title: str) -> Iterator[Verdict]:
    """Passes verdicts on while they are written down and a bar shows how many there are."""
    click.echo(f"{title}: {length} mutants", err=True)
    with click.progressbar(verdicts, length=length, file=sys.stderr) as progress:
        for verdict in progress:
            write_down(verdict)
            yield verdict


@click.command(context_settings={"show_default": True})
@click.option("--contract", "contracts", multiple=True, type=click.Choice(list(TARGETS)))
@click.option(
    "--every", type=click.IntRange(1), default=1, help="For an estimate: 3 tries a third."
)
@click.option("--jobs", type=click.IntRange(1), default=os.cpu_count() or 1)
def main(contracts: tuple[str, ...], every: int, jobs: int) -> None:
    """Mutates the contracts that hold money and records, and lists what no test notices."""
    verdicts: list[Verdict] = []
    LOG.unlink(missing_ok=True)
    campaign = Campaign(jobs)
    try:
        campaign.prepare()
        for contract in contracts or TARGETS:
            mutants = campaign.mutants(contract)[::every]
            verdicts += shown(campaign.judge(mutants), len(mutants), contract)
        survivors = [verdict for verdict in verdicts if verdict.outcome == "survived"]
        verdicts = [verdict for verdict in verdicts if verdict.outcome != "survived"]
        verdicts += shown(campaign.judge_again(survivors), len(survivors), "survivors")
    finally:
        campaign.close()
    if report(verdicts) < BAR:
        raise ScriptError(f"tests must kill at least {BAR:g} % of the mutants")


if __name__ == "__main__":
    main()
