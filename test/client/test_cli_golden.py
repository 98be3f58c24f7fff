"""What every command prints, word for word: in a pipe, on a terminal, with ``--json``, and as help.

The expected texts are files of ``golden/``, one for each command. After a change that is meant,
``GOLDEN=write pytest test/client/test_cli_golden.py`` writes them anew; read what git shows then.
"""

import json
import os
import re
import subprocess
import sys
import time
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

import pytest

from infernet_client import cli
from test.client.command_line import Ended, environment, run, run_on_terminal
from test.client.deployed import OTHER, OWNER_KEY, DeployedChain
from test.client.scripted_node import Outcome, ScriptedNode

GOLDEN = Path(__file__).with_name("golden")
SAMPLES = Path(__file__).parents[2] / "client" / "samples"
QUESTION = '{"text": "Can shrimp actually fry rice fr?"}'
VARIABLE = (
    (re.compile(r"[0-9a-f]{8}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{12}"), "<job id>"),
    (re.compile(r"0x[0-9a-f]{64}"), "<hash>"),
    (
        re.compile(r"(Address: |\"address\": \"|to wallet: |\"wallet\": \")0x[0-9a-fA-F]{40}"),
        r"\1<wallet>",
    ),
    (re.compile(r"127\.0\.0\.1:(?!4000\b)\d+"), "<host>"),
    (
        re.compile(r"␛\[\?25l.*?␛\[32m.␛\[0m ([\w ]+) ␛.*?␛\[\?25h␍␛\[1A␛\[2K", re.DOTALL),
        r"<progress: \1>\n",
    ),
)
"""What differs from run to run."""


@dataclass(frozen=True)
class Servers:
    """What commands talk to, with a wallet that has something in it."""

    node: ScriptedNode
    chain: DeployedChain
    folder: Path
    wallet: str

    @property
    def env(self) -> dict[str, str]:
        return {
            "SERVER_URL": self.node.url,
            "ROUTER_URL": self.node.url,
            "RPC_URL": self.chain.url,
            "PRIVATE_KEY": OWNER_KEY,
            "ADDRESS": self.chain.coordinator,
            "FACTORY_ADDRESS": self.chain.factory,
        }

    def job(self) -> str:
        return self.node.add_job(Outcome())


@pytest.fixture
def servers(node: ScriptedNode, chain: DeployedChain, tmp_path: Path) -> Servers:
    env = {"RPC_URL": chain.url, "PRIVATE_KEY": OWNER_KEY, "FACTORY_ADDRESS": chain.factory}
    created = run("create-wallet", env=env).out
    wallet = re.findall(r"Address: (0x\w{40})", created)[0]
    run("fund", "-w", wallet, "-a", "1 ether", env=env)
    node.stream = [b"Yes, and well."]  # in one piece, since pieces may arrive together
    jobs = tmp_path / "jobs.json"
    jobs.write_text('[{"containers": ["tgi"], "data": {}}, {"containers": ["no"], "data": {}}]')
    return Servers(node, chain, tmp_path, wallet)


def wallet_line(*more: str) -> Callable[[Servers], list[str]]:
    return lambda servers: ["-w", servers.wallet, *more]


def subscription(servers: Servers) -> list[str]:
    expiry = str(max(int(time.time()), servers.chain.anvil.timestamp) + 1000)
    files = ["--params", str(SAMPLES / "params.json"), "--input", str(SAMPLES / "input.json")]
    return ["--expiry", expiry, "--nonce", "7", *files]


def sample_input(*more: str) -> Callable[[Servers], list[str]]:
    return lambda servers: [*more, "-i", str(SAMPLES / "input.json")]


ARGUMENTS: dict[str, Callable[[Servers], list[str]]] = {
    "approve": wallet_line("-s", OTHER, "-a", "0.1 ether"),
    "batch": lambda servers: [str(servers.folder / "jobs.json")],
    "check-model": lambda servers: ["-m", "org/model"],
    "completion": lambda servers: ["bash"],
    "containers": lambda servers: [],
    "create-wallet": lambda servers: [],
    "find": lambda servers: ["-c", "tgi"],
    "fund": wallet_line("-a", "1.5 gwei"),
    "health": lambda servers: [],
    "ids": lambda servers: [],
    "info": lambda servers: [],
    "job": sample_input("-c", "tgi"),
    "resources": lambda servers: [],
    "results": lambda servers: ["--id", servers.job()],
    "stream": sample_input("-c", "tgi"),
    "sub": subscription,
    "withdraw": wallet_line("-a", "1000"),
}
"""A line of each command that succeeds."""
WITHOUT_JSON = {"completion"}


def shown(title: str, ended: Ended) -> str:
    text = f"{ended.out}{ended.err}".replace("\x1b", "␛").replace("\r", "␍")
    for pattern, name in VARIABLE:
        text = pattern.sub(name, text)
    return f"--- {title}, exit code {ended.code}\n{text.rstrip()}\n"


def compare(name: str, text: str) -> None:
    path = GOLDEN / f"{name}.txt"
    if os.environ.get("GOLDEN") == "write":
        GOLDEN.mkdir(exist_ok=True)
        path.write_text(text)
    assert text == path.read_text()


def test_every_command_has_a_line() -> None:
    assert ARGUMENTS.keys() == cli.commands.keys()
    expected = {f"{name}.txt" for name in [*ARGUMENTS, "infernet-client"]}
    assert {path.name for path in GOLDEN.iterdir()} == expected


def test_the_command_itself() -> None:
    compare("infernet-client", shown("help", run("--help")) + shown("no command", run()))


@pytest.mark.parametrize("name", sorted(ARGUMENTS))
def test_a_command(name: str, servers: Servers) -> None:
    arguments = ARGUMENTS[name]
    parts = [
        shown("pipe", run(name, *arguments(servers), env=servers.env)),
        shown("terminal", run_on_terminal(name, *arguments(servers), env=servers.env)),
        shown("help", run(name, "--help")),
    ]
    if name not in WITHOUT_JSON:
        parts.insert(2, shown("json", run(name, *arguments(servers), "--json", env=servers.env)))

    compare(name, "".join(parts))


@pytest.mark.parametrize(
    ("arguments", "text"),
    [
        (["job", "-c", "tgi", "-i", "-"], QUESTION),
        (["stream", "-c", "tgi", "--input", "-"], QUESTION),
        (["batch", "-"], f'[{{"containers": ["tgi"], "data": {QUESTION}}}]'),
        (["batch"], f'[{{"containers": ["tgi"], "data": {QUESTION}}}]'),
    ],
)
def test_a_dash_is_standard_input(node: ScriptedNode, arguments: list[str], text: str) -> None:
    ended = run(*arguments, stdin=text, env={"SERVER_URL": node.url})

    assert (ended.code, ended.err) == (0, "")
    body = node.seen[-1].body
    job = body[0] if isinstance(body, list) else body
    assert (job["containers"], job["data"]) == (["tgi"], json.loads(QUESTION))


def test_parameters_may_be_standard_input(servers: Servers) -> None:
    arguments = subscription(servers)
    arguments[arguments.index("--params") + 1] = "-"
    text = (SAMPLES / "params.json").read_text()

    ended = run("sub", *arguments, stdin=text, env=servers.env)

    assert ended == Ended(0, "Success: Subscription created.\n", "")


def test_bash_completes_commands_and_options() -> None:
    script = """
source <(infernet-client completion bash)
complete_line() {
    COMP_WORDS=("$@") COMP_CWORD=$(($# - 1)) COMPREPLY=()
    _infernet_client_completion infernet-client
    echo "${COMPREPLY[@]}"
}
complete_line infernet-client check
complete_line infernet-client ids --stat
complete_line infernet-client ids --status p
"""
    path = os.pathsep.join([str(Path(sys.executable).parent), os.environ["PATH"]])
    done = subprocess.run(
        ["bash", "-c", script],
        env=environment({"PATH": path}),
        capture_output=True,
        text=True,
        check=True,
        timeout=60,
    )

    assert done.stdout == "check-model\n--status\npending\n"
