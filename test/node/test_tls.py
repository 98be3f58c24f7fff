"""HTTPS instead of HTTP."""

import asyncio
import ssl
import subprocess
from pathlib import Path

import aiohttp
import pytest

from infernet_node.config import Config, parse_config
from infernet_node.node import run_node
from infernet_node.operate import CommandFailedError, command_node
from infernet_node.ports import Command
from infernet_node.server import ListenError
from infernet_node.supervision import StopRequest
from scripts.processes import free_port


@pytest.fixture
def certificate(tmp_path: Path) -> tuple[Path, Path]:
    """A certificate of localhost that nobody vouches for, and its key."""
    certificate, key = tmp_path / "node.pem", tmp_path / "node.key"
    subprocess.run(
        (
            *("openssl", "req", "-x509", "-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:P-256"),
            *("-nodes", "-days", "2", "-subj", "/CN=localhost"),
            *("-addext", "subjectAltName=IP:127.0.0.1", "-out", certificate, "-keyout", key),
        ),
        check=True,
        capture_output=True,
    )
    return certificate, key


def configured(tmp_path: Path, certificate: Path, key: Path) -> Config:
    document = {
        "log": {"path": str(tmp_path / "node.log")},
        "server": {
            "host": "127.0.0.1",
            "port": 0,
            "tls": {"certificate": str(certificate), "private_key": str(key)},
        },
    }
    return parse_config(document, {}).config


async def test_w_06_the_port_speaks_tls(tmp_path: Path, certificate: tuple[Path, Path]) -> None:
    stop, listening = StopRequest(), asyncio.Queue[int]()
    running = asyncio.create_task(
        run_node(
            configured(tmp_path, *certificate),
            runtime=None,
            stop=stop,
            on_listening=listening.put_nowait,
        )
    )
    port = await listening.get()
    trusting = ssl.create_default_context(cafile=str(certificate[0]))
    async with aiohttp.ClientSession() as session:
        async with session.get(f"https://127.0.0.1:{port}/health", ssl=trusting) as response:
            assert await response.json() == {"status": "healthy"}
        with pytest.raises(aiohttp.ClientError):
            await session.get(f"http://127.0.0.1:{port}/health")
    stop()
    await running


async def test_commands_trust_the_certificate_of_their_own_node(
    tmp_path: Path, certificate: tuple[Path, Path]
) -> None:
    config = configured(tmp_path, *certificate)
    port = free_port()
    server = config.server.model_copy(update={"port": port, "host": "0.0.0.0"})
    config = config.model_copy(update={"server": server})
    stop, listening = StopRequest(), asyncio.Event()
    running = asyncio.create_task(
        run_node(config, runtime=None, stop=stop, on_listening=lambda _: listening.set())
    )
    await listening.wait()
    with pytest.raises(CommandFailedError, match="The chain is not enabled on this node"):
        await command_node(server, Command.RETRY, "1", 1)
    in_clear = server.model_copy(update={"tls": None})
    with pytest.raises(CommandFailedError, match=f"no node answers at http://127.0.0.1:{port}"):
        await command_node(in_clear, Command.RETRY, "1", 1)
    stop()
    await running


@pytest.mark.parametrize("content", [None, "no certificate"])
async def test_files_that_cannot_be_used(
    tmp_path: Path, certificate: tuple[Path, Path], content: str | None
) -> None:
    wrong = tmp_path / "wrong.pem"
    if content:
        wrong.write_text(content)
    with pytest.raises(ListenError, match=r"server\.tls: certificate and private_key cannot"):
        await run_node(
            configured(tmp_path, wrong, certificate[1]), runtime=None, stop=StopRequest()
        )
