"""The transaction library without the rest of the node, as its page shows it."""

import asyncio
import re
import subprocess
import sys
import time
from collections.abc import Iterator
from pathlib import Path

import pytest
from eth_account.signers.local import LocalAccount

from test.node.chain.lane import RECIPIENT, mined_transactions, received
from test.support.anvil import KEYS, Anvil

ROOT = Path(__file__).parents[3]
PROGRAM = re.compile(r'^```python title="payroll.py"\n(.*?)^```', re.MULTILINE | re.DOTALL)
NEEDED = {
    "infernet_node",
    "infernet_node.metrics",
    "infernet_protocol",
    "infernet_protocol.contract_errors",
    "infernet_node.chain",
    *(f"infernet_node.chain.{name}" for name in ("account_view", "coalescing", "columns")),
    *(f"infernet_node.chain.{name}" for name in ("fees", "gas", "header", "row_writes")),
    *(f"infernet_node.chain.{name}" for name in ("journal", "lifecycle", "metrics", "nonce")),
    *(f"infernet_node.chain.{name}" for name in ("open_rows", "patience", "requests", "rpc")),
    *(f"infernet_node.chain.{name}" for name in ("rpc_errors", "sending", "signing", "slots")),
    *(f"infernet_node.chain.{name}" for name in ("stages", "transactions", "values")),
}
"""Requests, prices, signatures: nothing of REST, containers, subscriptions, configuration."""
STORE = "infernet_node.store"
OF_JOBS = {f"{STORE}.{name}" for name in ("job", "jobs", "changes", "leases", "retention")}


def test_it_imports_nothing_of_the_rest() -> None:
    program = (
        "import sys, infernet_node.chain.transactions\n"
        "print(*(name for name in sys.modules if name.startswith('infernet')))"
    )
    printed = subprocess.run(
        [sys.executable, "-c", program], capture_output=True, text=True, check=True
    ).stdout

    imported = set(printed.split())
    assert {name for name in imported if not name.startswith(STORE)} <= NEEDED
    assert imported.isdisjoint(OF_JOBS)


@pytest.fixture
def program(tmp_path: Path) -> Path:
    (text,) = PROGRAM.findall((ROOT / "docs" / "chain.md").read_text())
    path = tmp_path / "payroll.py"
    path.write_text(text)
    return path


@pytest.fixture
def paying(anvil: Anvil) -> Iterator[Anvil]:
    """A chain that mines by itself."""
    anvil.rpc("evm_setIntervalMining", 1)
    yield anvil
    anvil.rpc("evm_setIntervalMining", 0)


async def run(program: Path, anvil: Anvil, *people: str) -> str:
    process = await asyncio.create_subprocess_exec(
        *(sys.executable, program.name, *people),
        cwd=program.parent,
        env={"RPC_URL": anvil.url, "PRIVATE_KEY": KEYS[1]},
        stdout=asyncio.subprocess.PIPE,
        stderr=asyncio.subprocess.PIPE,
    )
    said, complaints = await process.communicate()
    assert process.returncode == 0, complaints.decode()
    return said.decode()


async def test_the_program_of_the_page_pays_once_however_often_it_is_started(
    program: Path, paying: Anvil, account: LocalAccount
) -> None:
    first = await run(program, paying, RECIPIENT)
    second = await run(program, paying, RECIPIENT)

    assert first == second
    assert f"{RECIPIENT} final 0x" in first
    assert received(paying) == 10**15
    assert mined_transactions(paying, account) == 1


def wait_for_pool(anvil: Anvil, account: LocalAccount) -> None:
    """Returns once a transaction waits to be mined."""
    while int(anvil.rpc("eth_getTransactionCount", account.address, "pending"), 16) == 0:
        time.sleep(0.02)


async def test_the_program_of_the_page_goes_on_after_sigkill(
    program: Path, anvil: Anvil, account: LocalAccount
) -> None:
    dying = await asyncio.create_subprocess_exec(
        *(sys.executable, program.name, RECIPIENT),
        cwd=program.parent,
        env={"RPC_URL": anvil.url, "PRIVATE_KEY": KEYS[1]},
    )
    async with asyncio.timeout(60):
        await asyncio.to_thread(wait_for_pool, anvil, account)
    dying.kill()
    await dying.wait()
    anvil.rpc("anvil_dropAllTransactions")

    anvil.rpc("evm_setIntervalMining", 1)
    said = await run(program, anvil, RECIPIENT)
    anvil.rpc("evm_setIntervalMining", 0)

    assert f"{RECIPIENT} final 0x" in said
    assert received(anvil) == 10**15
    assert mined_transactions(anvil, account) == 1
