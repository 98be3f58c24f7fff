"""ape as a person runs it: test, console and run, on py-evm and on Anvil."""

import json
import os
import re
import shlex
import subprocess
import sys
from pathlib import Path

import pytest

from scripts import ape_project
from scripts.stack import ROOT
from test.evm.test_eth_tester import DOCUMENTED, QUESTION
from test.support.anvil import run_anvil

APE = Path(sys.executable).with_name("ape")
COMMANDS = {"abis", "ape_project", "delegate", "deploy", "request", "subscribe", "wallet", "watch"}


@pytest.fixture
def ape(tmp_path: Path) -> "Ape":
    return Ape(tmp_path)


class Ape:
    """Runs ape in the repository, with a home folder of its own."""

    def __init__(self, home: Path) -> None:
        self._home = home

    def __call__(self, *args: str | Path, **env: str) -> "subprocess.CompletedProcess[str]":
        clean = {name: value for name, value in os.environ.items() if name != "PRIVATE_KEY"}
        return subprocess.run(
            [APE, *args],
            cwd=ROOT,
            env={**clean, "HOME": str(self._home), **env},
            capture_output=True,
            text=True,
            check=False,
            timeout=90,
        )


def test_ape_test_runs_the_tests_of_the_ape_project(ape: Ape) -> None:
    done = ape("test", "test/evm/ape", "--network", "ethereum:local:test")
    assert done.returncode == 0, done.stdout
    assert "11 passed" in done.stdout


def test_the_console_has_the_contracts_of_the_project(ape: Ape) -> None:
    ape_project.write()
    code = "accounts.test_accounts[2].deploy(project.Fee, accounts.test_accounts[3], 500).FEE()"
    done = ape("console", "--network", "ethereum:local:test", "--code", code)
    assert done.returncode == 0, done.stderr
    assert done.stdout.split()[-1] == "500"


def test_run_lists_every_script_and_chokes_on_none(ape: Ape) -> None:
    done = ape("run", "--help")
    assert done.stderr == ""
    listed = {line.split()[0] for line in done.stdout.splitlines() if line.startswith("  ")}
    assert listed >= COMMANDS


def test_run_request_on_py_evm(ape: Ape) -> None:
    network = ("--network", "ethereum:local:test")
    done = ape("run", "request", *network, "--json", "--answer", "Yes.", QUESTION)
    assert done.returncode == 0, done.stderr
    assert json.loads(done.stdout)["answer"] == "Yes."


def test_run_deploy_and_request_on_anvil(ape: Ape, tmp_path: Path) -> None:
    options = ("--network", "ethereum:local:foundry", "--deployments", tmp_path / "deployments")
    with run_anvil() as anvil:
        deployed = ape("run", "deploy", *options, APE_FOUNDRY_HOST=anvil.url)
        assert deployed.returncode == 0, deployed.stderr
        asked = ape(
            "run",
            "request",
            *options,
            "--json",
            "--answer",
            "Yes.",
            QUESTION,
            APE_FOUNDRY_HOST=anvil.url,
        )
    assert asked.returncode == 0, asked.stderr
    recorded = json.loads((tmp_path / "deployments" / "31337.json").read_text())
    assert {name: recorded[name]["address"] for name in DOCUMENTED} == DOCUMENTED
    assert json.loads(asked.stdout)["answer"] == "Yes."


def test_the_lines_of_the_page_beside_a_running_anvil(ape: Ape, tmp_path: Path) -> None:
    """Those of docs/ape.md from ``anvil &`` on; only Anvil's address and the folder differ."""
    page = (ROOT / "docs" / "ape.md").read_text()
    (block,) = (text for text in page.split("```") if text.startswith("sh\nanvil &\n"))
    lines = [shlex.split(line) for line in block.splitlines()[2:]]
    assert [line[2] for line in lines] == ["deploy", "subscribe", "watch"]
    with run_anvil() as anvil:
        ended = [
            ape(*line[1:], "--deployments", tmp_path / "deployments", APE_FOUNDRY_HOST=anvil.url)
            for line in lines
        ]

    assert [done.returncode for done in ended] == [0, 0, 0], [done.stderr for done in ended]
    assert re.search(r"^questions +1,", ended[1].stdout, re.MULTILINE)
    assert "SubscriptionCreated id=1" in ended[2].stdout


def test_no_node_can_answer_on_py_evm(ape: Ape) -> None:
    done = ape("run", "request", "--network", "ethereum:local:test", QUESTION)
    assert done.returncode == 1
    assert done.stderr.startswith("Error: no node can see a chain that lives in this command only")


def test_an_unknown_network_is_named(ape: Ape) -> None:
    done = ape("run", "deploy", "--network", "ethereum:nowhere")
    assert done.returncode == 1
    assert done.stderr.startswith("Error: --network ethereum:nowhere: No network in 'ethereum'")
    assert len(done.stderr.splitlines()) == 1
