"""The guide and the page of the client, block by block as printed, against the running stack."""

import re
import shutil
import subprocess
import sys
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path

import pytest
from web3.contract import Contract

from infernet_client import SyncNodeClient
from infernet_protocol import lenient_json
from infernet_protocol.abis import abi
from scripts.accounts import REQUESTER, anvil_account
from scripts.chain import Sender
from scripts.deployment import create
from scripts.processes import Process, answers, free_port
from scripts.stack import BIN, ROOT, START_SECONDS, Stack, bound_to
from test.docs.blocks import Block, blocks
from test.docs.notebook import Notebook
from test.e2e.conftest import fulfilments
from test.support.mock_tgi import MockTGI

GUIDE = ROOT / "docs" / "guide"
ABBREVIATED = "//...... contents abbreviated"
PLACEHOLDER = "http://FILL_HOSTNAME_HERE"
QUESTION = "Can shrimp actually fry rice fr?"
SAMPLE_OWNER = "0x00bd138aBd70e2F00903268F3DB08f2d25677C2b"


@pytest.fixture
def hosts(stack: Stack) -> dict[str, str]:
    """What the pages call hosts, and where they are here."""
    assert stack.tgi_url is not None
    return {
        "http://127.0.0.1:4000": stack.node_url,
        "http://127.0.0.1:8545": stack.rpc_url,
        "http://127.0.0.1:8080": stack.tgi_url,
        "127.0.0.1:3000": f"127.0.0.1:{free_port()}",
    }


@pytest.fixture
def project(stack: Stack, tmp_path: Path) -> Path:
    """A folder as a reader has it: this repository at hand, as a library and with a stack up."""
    (tmp_path / "scripts").symlink_to(ROOT / "scripts")
    shutil.copytree(stack.deployments, tmp_path / "deployments")
    (tmp_path / "lib").mkdir()
    (tmp_path / "lib" / "infernet-tgi").symlink_to(ROOT)
    return tmp_path


@pytest.fixture
def env(stack: Stack) -> dict[str, str]:
    # Commands of the pages that name none mean the node on port 4000 and the chain on 8545.
    return {"SERVER_URL": stack.node_url, "RPC_URL": stack.rpc_url, "PYTHONPATH": str(ROOT)}


def test_off_chain(project: Path, hosts: dict[str, str], env: dict[str, str], tgi: MockTGI) -> None:
    with Notebook(project, hosts, env) as notebook:
        notebook.run(GUIDE / "off-chain.md")

    asked = [call.json["inputs"] for call in tgi.generations]
    assert asked == [QUESTION] * len(asked)
    assert len(asked) == 8


def test_on_chain(
    project: Path, hosts: dict[str, str], env: dict[str, str], coordinator: Contract, tgi: MockTGI
) -> None:
    with Notebook(project, hosts, env) as notebook:
        notebook.run(GUIDE / "on-chain.md")

    assert [call.json["inputs"] for call in tgi.generations] == [QUESTION]
    last = coordinator.events.SubscriptionFulfilled().get_logs(from_block=0)[-1]["args"]["id"]
    assert len(fulfilments(coordinator, last)) == 1


def test_delegated(
    project: Path,
    hosts: dict[str, str],
    env: dict[str, str],
    stack: Stack,
    requester: Sender,
    tgi: MockTGI,
) -> None:
    signer = anvil_account(REQUESTER).address
    owner = create(requester, "DelegatedChat", stack.contracts["Registry"].address, signer).address
    with Notebook(project, {**hosts, SAMPLE_OWNER: owner}, env) as notebook:
        notebook.run(GUIDE / "delegated.md")

    assert {call.json["inputs"] for call in tgi.generations} == {QUESTION}
    consumer = requester.web3.eth.contract(owner, abi=abi("DelegatedChat"))
    answered = consumer.events.AnswerReceived().get_logs(from_block=0)
    assert len({log["args"]["subscriptionId"] for log in answered}) == 3


def test_client_page(
    project: Path, hosts: dict[str, str], env: dict[str, str], tgi: MockTGI
) -> None:
    with Notebook(project, hosts, env) as notebook:
        notebook.run(ROOT / "docs" / "client.md")


def test_what_the_readme_types_beside_make_up(
    project: Path, hosts: dict[str, str], env: dict[str, str], tgi: MockTGI
) -> None:
    (project / ".venv").symlink_to(ROOT / ".venv")
    found = re.findall(r"^```sh\n(.*?)^```$", (ROOT / "README.md").read_text(), re.M | re.S)
    (lines,) = (text for text in found if text.startswith(".venv/bin/python scripts/request.py"))
    with Notebook(project, hosts, env) as notebook:
        notebook.run_block(Block("README.md", 0, "bash", "", lines))

    assert re.search(r"^answer +\S", notebook.outputs[0], re.MULTILINE)
    assert re.search(r'"id":', notebook.outputs[0])
    tgi.wait_for(lambda server: len(server.generations) == 2, 30)
    assert {call.json["inputs"] for call in tgi.generations} == {QUESTION, "What is a rollup?"}


def test_from_chainlink_functions(
    project: Path, hosts: dict[str, str], env: dict[str, str], tgi: MockTGI
) -> None:
    with Notebook(project, hosts, env) as notebook:
        notebook.run(ROOT / "docs" / "migration" / "chainlink-functions.md")

    assert [call.json["inputs"] for call in tgi.generations] == [QUESTION]


def test_from_infernet_node(project: Path, env: dict[str, str]) -> None:
    with Notebook(project, {}, env) as notebook:
        notebook.run(ROOT / "docs" / "migration" / "infernet-node.md")

    assert "forward_stats" in notebook.outputs[0]


def test_service(project: Path, hosts: dict[str, str], env: dict[str, str]) -> None:
    with Notebook(project, hosts, env) as notebook:
        notebook.run(GUIDE / "service.md")


def test_the_configuration_runs_once_the_host_name_is_filled_in(
    tmp_path: Path, tgi: MockTGI
) -> None:
    """Node and service from the printed file; what it abbreviates are this test's port and TGI."""
    node_port, service_port = free_port(), free_port()
    printed = next(block.text for block in blocks(GUIDE / "service.md") if block.title)
    assert printed.count(ABBREVIATED) == printed.count(PLACEHOLDER) == 1
    config = tmp_path / "config.json"
    config.write_text(
        printed.replace(ABBREVIATED, contents_of_this_test(node_port))
        .replace('"3000"', f'"{service_port}"')
        .replace(PLACEHOLDER, tgi.url)
    )
    (container,) = lenient_json.loads(config.read_text())["containers"]
    service = ["tgi-service", *bound_to(service_port, container["command"])]
    node = ["infernet-node", "run", "--config", str(config)]
    with (
        started("service", service, f"http://127.0.0.1:{service_port}", tmp_path, container["env"]),
        started("node", node, f"http://127.0.0.1:{node_port}", tmp_path, {}),
    ):
        client = SyncNodeClient(f"http://127.0.0.1:{node_port}")
        result = client.run(container["id"], {"text": QUESTION})["result"]

    assert result is not None
    assert result["container"] == "tgi_client_inference_service"
    assert tgi.generations[-1].json["inputs"] == QUESTION
    assert (tmp_path / "infernet_node.log").read_text()


def contents_of_this_test(node_port: int) -> str:
    """What stands here where the page has the line that marks an omission."""
    return f'"manage_containers": false, "server": {{"port": {node_port}}},'


@contextmanager
def started(
    name: str, command: list[str], url: str, folder: Path, env: Mapping[str, str]
) -> Iterator[None]:
    """A program of this project that answers at its address."""
    program, *arguments = command
    line = [str(BIN / program), *arguments]
    process = Process.start(name, line, log=folder / f"{name}.log", env=env, cwd=folder)
    try:
        process.wait_until(lambda: answers(f"{url}/health"), START_SECONDS)
        yield
    finally:
        process.stop()


def test_the_python_sample_in_pythons_own_loop(hosts: dict[str, str], tgi: MockTGI) -> None:
    """``python -m asyncio``, as the page says: a prompt that awaits."""
    sample = next(b.text for b in blocks(GUIDE / "off-chain.md") if "get_job_result_sync" in b.text)
    for printed, ours in hosts.items():
        sample = sample.replace(printed, ours)

    done = subprocess.run(
        [sys.executable, "-m", "asyncio"],
        input=sample,
        capture_output=True,
        text=True,
        check=True,
        timeout=60,
    )

    assert "Yes, but" in done.stdout
    assert [call.json["inputs"] for call in tgi.generations] == [QUESTION]
