"""Every import path of both generations, and what an import must not cost."""

import importlib
import subprocess
import sys

import pytest

from test.support.waiting import SECONDS

PATHS = {
    "infernet_client": ["NodeClient", "RouterClient", "SyncNodeClient", "main", "cli"],
    "infernet_client.node": ["NodeClient"],
    "infernet_client.client": ["NodeClient"],
    "infernet_client.router": ["RouterClient"],
    "infernet_client.chain.subscription": ["Subscription"],
    "infernet_client.chain.rpc": ["RPC"],
    "infernet_client.chain.wallet": ["InfernetWallet"],
    "infernet_client.chain.wallet_factory": ["WalletFactory"],
    "infernet_client.chain.token": ["Token", "ZERO_ADDRESS"],
    "infernet_client.chain.abis": ["WALLET_FACTORY_ABI", "WALLET_ABI", "ERC20_ABI"],
    "infernet_client.chain_utils": ["Subscription", "RPC", "ZERO_ADDRESS"],
    "infernet_client.error": ["APIError"],
    "infernet_client.types": [
        "JobRequest",
        "JobResponse",
        "JobStatus",
        "ContainerOutput",
        "ContainerError",
        "ContainerResult",
        "JobResult",
        "ErrorResponse",
        "HealthInfo",
        "NodeInfo",
        "NetworkContainer",
        "ModelSupport",
        "JobID",
    ],
    "infernet_client.cli": ["cli"],
    "infernet_client.cli.options": ["node_options", "wallet_options"],
}


@pytest.mark.parametrize("module", PATHS)
def test_names(module: str) -> None:
    found = importlib.import_module(module)

    assert [name for name in PATHS[module] if not hasattr(found, name)] == []


def test_both_generations_share_their_objects() -> None:
    from infernet_client import chain_utils, client, node
    from infernet_client.chain import rpc, subscription

    assert chain_utils.Subscription is subscription.Subscription
    assert chain_utils.RPC is rpc.RPC
    assert client.NodeClient is node.NodeClient


def test_jobs_off_the_chain_load_no_part_of_web3() -> None:
    code = (
        "import sys, infernet_client, infernet_client.cli; "
        "print(sorted({'web3', 'eth_account', 'flask'} & set(sys.modules)))"
    )

    done = subprocess.run(
        [sys.executable, "-c", code], capture_output=True, text=True, check=True, timeout=SECONDS
    )

    assert done.stdout == "[]\n"
