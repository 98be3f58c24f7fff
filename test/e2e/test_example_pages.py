"""The page of each example, typed beside a running stack: its commands print what it says."""

import os
import re
import subprocess

import pytest

from scripts.stack import ROOT, Stack
from test.docs.guide import EXAMPLES, commands

ANSWER = r'"[^"]{10,}"'
HASH = r"0x[0-9a-f]{64}"
NODE = "0x70997970C51812dc3A010C7d01b50e0d17dc79C8"
SCRIPTS = re.compile(r"scripts/(?:request|subscribe|delegate)\.py")
PRINTED = {
    "ChatConsumer": rf"answer {{8}}\S.*\n{ANSWER}\n",
    "ScheduledChat": rf"interval 1 .*interval 2 .*\n{ANSWER}\n{ANSWER}\n",
    "PaidChat": r'"Transactions in a bundle\."\n1\.0{18}\n0\.0{18}\n',
    "LazyChat": rf"{ANSWER}\n{HASH}\n{NODE}\n0\n",
    "DelegatedChat": r"interval 1 .*interval 1 .*interval 2 ",
    "AllowlistedChat": rf"{ANSWER}\nfalse\n",
}
"""What is to be found in the output of a page's commands, in this order."""


def typed(name: str, stack: Stack) -> str:
    """Runs the commands of a page as they stand, but with ports and records of this stack."""
    text = commands(EXAMPLES / f"{name}.md").replace("http://127.0.0.1:8545", stack.rpc_url)
    text = SCRIPTS.sub(rf"\g<0> --deployments {stack.deployments}", text)
    env = {name: value for name, value in os.environ.items() if name != "PRIVATE_KEY"}
    done = subprocess.run(
        ["bash", "-euo", "pipefail", "-c", text],
        cwd=ROOT,
        env={**env, "RPC_URL": stack.rpc_url, "SERVER_URL": stack.node_url},
        capture_output=True,
        text=True,
        check=False,
        timeout=110,
    )
    assert done.returncode == 0, done.stderr + done.stdout
    return done.stdout


def test_every_page_is_typed() -> None:
    assert set(PRINTED) == {page.stem for page in EXAMPLES.glob("*.md")}


@pytest.mark.parametrize("name", PRINTED)
def test_the_commands_of_a_page_do_what_it_says(name: str, stack: Stack) -> None:
    printed = typed(name, stack)
    assert re.search(PRINTED[name], printed, re.DOTALL), printed
