"""An Anvil with the contracts on it, and scripts run as a person would."""

import os
import subprocess
import sys
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from scripts.processes import free_port
from scripts.stack import ROOT, Ports, Stack

Run = Callable[..., subprocess.CompletedProcess[str]]


@pytest.fixture(scope="session")
def chain(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Stack]:
    """A chain that mines at once, with the contracts deployed and nobody to answer."""
    folder = tmp_path_factory.mktemp("chain")
    ports = Ports(chain=free_port(), tgi=0, service=0, node=0)
    with Stack(ports, folder, folder / "deployments", block_time=None) as stack:
        stack.start_chain()
        stack.deploy()
        yield stack


@pytest.fixture
def run(chain: Stack) -> Run:
    """Runs a script against the chain with the environment variables given as keywords."""

    def run(script: str, *args: str | Path, **env: str) -> subprocess.CompletedProcess[str]:
        clean = {name: value for name, value in os.environ.items() if name != "PRIVATE_KEY"}
        return subprocess.run(
            [sys.executable, ROOT / "scripts" / script, *args],
            env={**clean, "RPC_URL": chain.rpc_url, **env},
            capture_output=True,
            text=True,
            check=False,
            timeout=60,
        )

    return run
