"""The guide's Python samples, run as programs: quiet, and without leftovers."""

import subprocess
import sys

import pytest

from test.client.command_line import environment
from test.client.deployed import OWNER_KEY, DeployedChain
from test.client.scripted_node import ScriptedNode

WEB2 = """
import asyncio
from infernet_client.node import NodeClient

async def main():
    client = NodeClient("{node}")
    job_id = await client.request_job(
        "tgi",
        {{
            "text": "Can shrimp actually fry rice fr?",
        }},
    )

    result:str = (await client.get_job_result_sync(job_id))["result"]["output"]
    print(result)

asyncio.run(main())
"""
DELEGATED = """
import asyncio
import random
from time import time
from infernet_client.node import NodeClient
from infernet_client.chain_utils import Subscription, RPC, ZERO_ADDRESS

async def main():
    sub = Subscription(
        owner="{consumer}",
        active_at=0,
        period=3,
        frequency=2,
        redundancy=2,
        containers=["SERVICE_NAME"],
        lazy=False,
        verifier=ZERO_ADDRESS,
        payment_amount=0,
        payment_token=ZERO_ADDRESS,
        wallet=ZERO_ADDRESS,
    )

    client = NodeClient("{node}")
    nonce = random.randint(0, 2**32 - 1)
    await client.request_delegated_subscription(
        sub=sub,
        rpc=RPC("{rpc}"),
        coordinator_address="{coordinator}",
        expiry=int(time() + 10),
        nonce=nonce,
        private_key="{key}",
        data={{
            "text": "Can shrimp actually fry rice fr?"
        }},
    )
    print(nonce)

asyncio.run(main())
"""
WALLET = """
import asyncio
from infernet_client.chain.rpc import RPC
from infernet_client.chain.wallet_factory import WalletFactory

async def main():
    rpc = await RPC("{rpc}").initialize_with_private_key("{key}")
    wallet = await WalletFactory("{factory}", rpc).create_wallet(rpc.account.address)
    print(await wallet.owner() == rpc.account.address)

asyncio.run(main())
"""


def output_of(program: str) -> str:
    """Runs a program that must say nothing else, not even about something left open."""
    done = subprocess.run(
        [sys.executable, "-W", "error::ResourceWarning", "-c", program],
        env=environment(),
        capture_output=True,
        text=True,
        check=False,
        timeout=60,
    )
    assert (done.returncode, done.stderr) == (0, "")
    return done.stdout


def test_web2(node: ScriptedNode) -> None:
    assert output_of(WEB2.format(node=node.url)) == "Yes, and well.\n"
    assert node.bodies("POST", "/api/jobs") == [
        {"containers": ["tgi"], "data": {"text": "Can shrimp actually fry rice fr?"}}
    ]


@pytest.mark.parametrize("program", [DELEGATED, WALLET], ids=["delegated", "wallet"])
def test_web3(chain: DeployedChain, node: ScriptedNode, program: str) -> None:
    printed = output_of(
        program.format(
            node=node.url,
            rpc=chain.url,
            coordinator=chain.coordinator,
            factory=chain.factory,
            consumer=chain.consumer,
            key=OWNER_KEY,
        )
    )

    if program is WALLET:
        assert printed == "True\n"
    else:
        (body,) = node.bodies("POST", "/api/jobs")
        assert printed == f"{body['signature']['nonce']}\n"
        assert body["subscription"]["owner"] == chain.consumer
        assert body["subscription"]["active_at"] == chain.anvil.timestamp
