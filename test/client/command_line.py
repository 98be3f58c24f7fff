"""The command line, run within the test or as a process of its own."""

import os
import subprocess
import sys
from collections.abc import Mapping
from dataclasses import dataclass

from click.testing import CliRunner

from infernet_client import cli
from test.support.waiting import SECONDS

VARIABLES = (
    "SERVER_URL",
    "ROUTER_URL",
    "RPC_URL",
    "PRIVATE_KEY",
    "ADDRESS",
    "FACTORY_ADDRESS",
    "INFERNET_PROXY",
    "KEYSTORE_PASSWORD",
)
"""What the command line reads from the environment; a test sets each itself."""
COLOURS = ("NO_COLOR", "FORCE_COLOR", "TTY_COMPATIBLE")
"""What decides about colours; a test on a terminal shows what a terminal shows."""


@dataclass(frozen=True)
class Ended:
    """What a command left behind."""

    code: int
    out: str
    err: str


def run(*arguments: str, stdin: str | bytes = "", env: Mapping[str, str] | None = None) -> Ended:
    """Runs a command within this process."""
    clean: dict[str, str | None] = dict.fromkeys(VARIABLES)
    result = CliRunner(mix_stderr=False).invoke(
        cli, arguments, input=stdin, env={**clean, **(env or {})}, prog_name="infernet-client"
    )
    return Ended(result.exit_code, result.stdout, result.stderr)


def run_process(*arguments: str, stdin: str = "", env: Mapping[str, str] | None = None) -> Ended:
    """Runs a command in a process of its own, with pipes for all three streams."""
    done = subprocess.run(
        [sys.executable, "-m", "infernet_client", *arguments],
        input=stdin,
        env=environment(env),
        capture_output=True,
        text=True,
        check=False,
        timeout=SECONDS,
    )
    return Ended(done.returncode, done.stdout, done.stderr)


def environment(more: Mapping[str, str] | None = None) -> dict[str, str]:
    clean = {name: value for name, value in os.environ.items() if name not in VARIABLES + COLOURS}
    return {**clean, **(more or {})}


def run_on_terminal(
    *arguments: str, typed: bytes = b"", env: Mapping[str, str] | None = None
) -> Ended:
    """Runs a command whose three streams are one terminal, 100 columns wide."""
    own_end, its_end = os.openpty()
    os.write(own_end, typed)
    process = subprocess.Popen(
        [sys.executable, "-m", "infernet_client", *arguments],
        stdin=its_end,
        stdout=its_end,
        stderr=its_end,
        env=environment({"TERM": "xterm", "COLUMNS": "100", **(env or {})}),
    )
    os.close(its_end)
    shown = b""
    try:
        while chunk := os.read(own_end, 4096):
            shown += chunk
    except OSError:  # how Linux says that nobody has the other end open any more
        pass
    finally:
        os.close(own_end)
    return Ended(process.wait(SECONDS), shown.decode().replace("\r\n", "\n"), "")
