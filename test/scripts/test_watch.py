import os
import pty
import re
import signal
import subprocess
import sys
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from http.server import BaseHTTPRequestHandler, HTTPServer
from pathlib import Path
from threading import Thread
from typing import Any, Self

import requests
from web3.contract import Contract

from scripts.stack import ROOT, Stack
from test.scripts.conftest import Node, Run, Running, environment
from test.support.anvil import Anvil
from test.support.waiting import SECONDS

Start = Callable[..., Running]
Schedule = Callable[..., int]
ANSI = re.compile(r"\x1b\[[0-9;?]*[a-zA-Z]")


class Relay(HTTPServer):
    """Hands requests on to a chain for as long as a ``with`` block lasts."""

    def __init__(self, target: str) -> None:
        super().__init__(("127.0.0.1", 0), _Handler)
        self.target = target
        self.refuses = 0
        """How many of the next requests are answered with 503."""
        self._thread = Thread(target=self.serve_forever, args=(0.01,))

    @property
    def url(self) -> str:
        return f"http://127.0.0.1:{self.server_port}"

    def __enter__(self) -> Self:
        self._thread.start()
        return self

    def __exit__(self, *_: object) -> None:
        self.shutdown()
        self._thread.join()
        self.server_close()


class _Handler(BaseHTTPRequestHandler):
    server: Relay

    def do_POST(self) -> None:
        body = self.rfile.read(int(self.headers["Content-Length"]))
        if self.server.refuses:
            self.server.refuses -= 1
            self.send_response(503)
            self.end_headers()
            return
        headers = {"Content-Type": "application/json"}
        answer = requests.post(self.server.target, data=body, headers=headers, timeout=SECONDS)
        self.send_response(answer.status_code)
        self.end_headers()
        self.wfile.write(answer.content)

    def log_message(self, *_: Any) -> None:
        """Keeps requests out of the test's output."""


def on_terminal(
    chain: Stack, script: str, *args: str | Path, until: str | None = None
) -> tuple[int, str]:
    """Runs a script on a terminal of its own; returns exit code and what the terminal got.

    Args:
        until: text at which the script is interrupted.
    """
    ours, theirs = pty.openpty()
    popen = subprocess.Popen(
        [sys.executable, ROOT / "scripts" / script, *args],
        env=environment(chain, TERM="xterm-256color", COLUMNS="120"),
        stdin=theirs,
        stdout=theirs,
        stderr=theirs,
    )
    os.close(theirs)
    with popen, open(ours, "rb", buffering=0) as terminal:
        said = b""
        while True:
            try:
                said += terminal.read(65536)
            except OSError:  # Linux says so when the other side is closed
                break
            if until is not None and until in said.decode(errors="replace"):
                popen.send_signal(signal.SIGINT)
                until = None
    return popen.returncode, said.decode()


def test_a_pipe_gets_a_line_per_event(
    run: Run, chain: Stack, anvil: Anvil, schedule: Schedule, node: Node, coordinator: Contract
) -> None:
    before = anvil.number
    subscription_id = schedule("one?", "two?")
    anvil.mine_at(anvil.timestamp + 100)
    node.deliver(subscription_id, 1, "one")

    options = ("--once", "--since", str(before + 1), "--deployments", chain.deployments)
    done = run("watch.py", *options)

    assert done.returncode == 0, done.stderr
    created, fulfilled = done.stdout.splitlines()
    stored = coordinator.functions.getSubscription(subscription_id).call()
    expected = rf"2\S+ \S+ UTC block {before + 1} SubscriptionCreated id={subscription_id} "
    assert re.match(expected + rf"owner={stored[0]} container=0x\w{{64}} period=100 ", created)
    assert (
        f" SubscriptionFulfilled id={subscription_id} interval=1 node={node.address}" in fulfilled
    )


def test_it_follows_the_chain_until_it_is_interrupted(
    start: Start, chain: Stack, anvil: Anvil, schedule: Schedule, node: Node
) -> None:
    first = schedule("one?", period=0)
    options = ("--since", str(anvil.number), "--deployments", chain.deployments, "--json")
    script = start("watch.py", *options)
    assert script.event()["subscription_id"] == first

    node.deliver(first, 1, "one")
    fulfilled = script.event()
    second = schedule("two?", period=0)
    created = script.event()
    script.interrupt()

    assert fulfilled["event"] == "SubscriptionFulfilled"
    assert fulfilled["node"] == node.address
    assert fulfilled["interval"] == 1
    assert (created["event"], created["subscription_id"]) == ("SubscriptionCreated", second)
    assert created["time"] == anvil.timestamp
    done = script.rest()
    assert done.returncode == 130
    assert done.stderr == ""


def test_a_terminal_gets_a_table(
    chain: Stack, anvil: Anvil, schedule: Schedule, node: Node
) -> None:
    since = str(anvil.number + 1)
    answered, open_one = schedule("one?", period=0), schedule("two?", period=0, redundancy=2)
    node.deliver(answered, 1, "one")
    node.deliver(open_one, 1, "two")

    options = ("--once", "--since", since, "--deployments", chain.deployments)
    code, said = on_terminal(chain, "watch.py", *options)

    assert code == 0
    assert "\x1b[32manswered\x1b[0m" in said
    rows = [line.split() for line in ANSI.sub("", said).splitlines()]
    assert rows[0] == ["id", "owner", "state", "interval", "answers", "last", "node", "block"]
    short = f"{node.address[:6]}…{node.address[-4:]}"
    assert rows[1][0] == str(answered)
    assert rows[1][2:6] == ["answered", "1/1", "1/1", short]
    assert rows[2][0] == str(open_one)
    assert rows[2][2:6] == ["open", "1/1", "1/2", short]


def test_the_table_is_redrawn_until_it_is_interrupted(
    chain: Stack, anvil: Anvil, schedule: Schedule
) -> None:
    options = ("--since", str(anvil.number + 1), "--deployments", chain.deployments)
    with ThreadPoolExecutor() as pool:
        shown = pool.submit(on_terminal, chain, "watch.py", *options, until="open")
        schedule("one?", period=0)
        code, said = shown.result(timeout=SECONDS)
    assert code == 130
    assert "Traceback" not in said
    assert "\x1b[?25h" in said[-30:], repr(said[-200:])


def test_nothing_has_happened(invoke: Run, chain: Stack, anvil: Anvil) -> None:
    options = ("--once", "--since", str(anvil.number + 1), "--deployments", chain.deployments)
    done = invoke("watch.py", *options)
    assert (done.returncode, done.stdout) == (0, "")


def test_an_error_is_red_on_a_terminal_and_plain_in_a_pipe(chain: Stack, invoke: Run) -> None:
    options = ("--once", "--rpc-url", "http://127.0.0.1:9")
    code, said = on_terminal(chain, "watch.py", *options)
    assert code == 1
    assert said.startswith("\x1b[31mError: no Ethereum RPC answers at http://127.0.0.1:9")
    assert "\x1b" not in invoke("watch.py", *options).stderr


def test_a_chain_that_goes_away_ends_it_with_a_sentence(
    start: Start, chain: Stack, schedule: Schedule
) -> None:
    subscription_id = schedule("one?", period=0)
    with Relay(chain.rpc_url) as relay:
        options = ("--json", "--rpc-url", relay.url, "--deployments", chain.deployments)
        script = start("watch.py", *options)
        while script.event()["subscription_id"] != subscription_id:
            pass
        relay.refuses = 2
        second = schedule("two?", period=0)
        assert script.event()["subscription_id"] == second, "a stumble is not the end"
    done = script.rest()
    assert done.returncode == 1
    assert done.error == (
        "Error: reading from the chain failed: no answer from the endpoint (ConnectionError)"
    )
