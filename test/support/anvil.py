"""A real Anvil on a free port, for as long as a ``with`` block lasts."""

import re
import subprocess
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field
from itertools import count
from threading import Thread
from typing import IO, Any

import requests

from scripts.processes import die_with_parent

CHAIN_ID = 31337
KEYS = (
    "0xac0974bec39a17e36ba4a6b4d238ff944bacb478cbed5efcae784d7bf4f2ff80",
    "0x59c6995e998f97a5a0044966f0945389dc9e86dae88c7a8412f4603b6b78690d",
    "0x5de4111afa1a4b94908f83103eb1f1706367c2e68ca870fc3fb9a804cdab365a",
    "0x7c852118294e51e653712a81e05800f419141751be58f605c371e15141b007a6",
    "0x47e179ec197488593b187f80a00eb0da91f1b9d0b13f8733639f19c30a34926a",
)
"""Anvil's well-known keys, in the order of its accounts."""

_LISTENING = re.compile(rb"Listening on 127\.0\.0\.1:(\d+)")


class AnvilError(AssertionError):
    """Anvil did not start, or refused a request."""


@dataclass
class Anvil:
    """Administers one chain. Calls block, and answer within a millisecond or so."""

    url: str
    _ids: Iterator[int] = field(default_factory=count)
    _session: requests.Session = field(default_factory=requests.Session)

    def rpc(self, method: str, *params: Any) -> Any:
        """Returns the result of one JSON-RPC request, and fails the test if there is none."""
        body = {"jsonrpc": "2.0", "id": next(self._ids), "method": method, "params": params}
        answer = self._session.post(self.url, json=body, timeout=10).json()
        if "error" in answer:
            raise AnvilError(f"{method}: {answer['error']}")
        return answer["result"]

    def mine(self, blocks: int = 1) -> None:
        """Mines blocks, one after the other."""
        for _ in range(blocks):
            self.rpc("evm_mine")

    def mine_at(self, timestamp: int) -> None:
        """Mines one block at a chain time, UNIX seconds."""
        self.rpc("evm_setNextBlockTimestamp", timestamp)
        self.rpc("evm_mine")

    @property
    def number(self) -> int:
        return int(self.rpc("eth_blockNumber"), 16)

    @property
    def timestamp(self) -> int:
        """Chain time of the latest block, UNIX seconds."""
        return int(self.rpc("eth_getBlockByNumber", "latest", False)["timestamp"], 16)

    @contextmanager
    def undone(self) -> Iterator[None]:
        """Takes the chain back to where it was when the block began."""
        snapshot = self.rpc("evm_snapshot")
        try:
            yield
        finally:
            self.rpc("anvil_dropAllTransactions")
            self.rpc("evm_revert", snapshot)

    def close(self) -> None:
        self._session.close()


@contextmanager
def run_anvil(arguments: Sequence[str] = ()) -> Iterator[Anvil]:
    """Starts Anvil and stops it, whatever happens in between.

    Args:
        arguments: of the command line, e.g. ``["--block-time", "1"]`` or ``["--no-mining"]``.
            Without one of the two each transaction is mined at once.
    """
    process = subprocess.Popen(
        ["anvil", "--port", "0", *arguments],
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        preexec_fn=die_with_parent,
    )
    try:
        assert process.stdout is not None
        port = _port(process.stdout)
        # Nobody reads what Anvil says from here on; a full pipe would stop it.
        drain = Thread(target=process.stdout.read, daemon=True)
        drain.start()
        anvil = Anvil(f"http://127.0.0.1:{port}")
        try:
            yield anvil
        finally:
            anvil.close()
    finally:
        process.kill()
        process.wait()
    drain.join()
    process.stdout.close()


def _port(said: IO[bytes]) -> int:
    text = b""
    for line in said:
        text += line
        if found := _LISTENING.search(line):
            return int(found.group(1))
    raise AnvilError(f"anvil ended before it listened: {text.decode()[-500:]}")
