"""The doctor finds what is wrong, and names the fix."""

from collections.abc import AsyncIterator
from pathlib import Path
from typing import Any

import pytest

from infernet_node.config import Config, parse_config
from infernet_node.doctor import Finding, examine
from scripts.processes import free_port
from test.node.chain.world import NODE, NODE_KEY, Chain
from test.support.container import ScriptedContainer

NOWHERE = "0x" + "99" * 20


@pytest.fixture
async def container() -> AsyncIterator[ScriptedContainer]:
    async with ScriptedContainer().serve() as container:
        yield container


def configured(
    chain: Chain, folder: Path, *, containers: Any = (), wallet: Any = (), **fields: Any
) -> Config:
    document = {
        "log": {"path": str(folder / "node.log")},
        "manage_containers": False,
        "containers": list(containers),
        "chain": {
            "enabled": True,
            "rpc_url": chain.anvil.url,
            "registry_address": chain.contracts["Registry"],
            "wallet": {"private_key": NODE_KEY, **dict(wallet)},
            **fields,
        },
    }
    return parse_config(document, {}).config


async def ailments(config: Config) -> dict[str, Finding]:
    found = await examine(config, None)
    return {finding.subject: finding for finding in found if finding.fix}


async def test_a_node_in_good_order_has_none(
    chain: Chain, tmp_path: Path, container: ScriptedContainer
) -> None:
    ready = [{"id": "chat", "url": container.url}]

    found = await ailments(configured(chain, tmp_path, containers=ready))

    # The test's chain has a clock of its own.
    assert set(found) <= {"clock"}


async def test_an_endpoint_that_does_not_answer(chain: Chain, tmp_path: Path) -> None:
    url = f"http://127.0.0.1:{free_port()}"

    found = await ailments(configured(chain, tmp_path, rpc_url=url))

    assert "chain.rpc_url" in str(found["rpc"].fix)


async def test_a_registry_of_another_chain(chain: Chain, tmp_path: Path) -> None:
    found = await ailments(configured(chain, tmp_path, registry_address=NOWHERE))

    assert "no Registry" in found["registry"].text
    assert "chain.registry_address" in str(found["registry"].fix)


async def test_an_account_that_cannot_pay_for_gas(chain: Chain, tmp_path: Path) -> None:
    chain.anvil.rpc("anvil_setBalance", NODE, hex(1000))

    found = await ailments(configured(chain, tmp_path))

    assert NODE in found["balance"].text
    assert "send it" in str(found["balance"].fix)


async def test_a_payment_address_that_is_no_wallet(chain: Chain, tmp_path: Path) -> None:
    found = await ailments(configured(chain, tmp_path, wallet={"payment_address": NODE}))

    assert "WalletFactory" in str(found["payment_address"].fix)


async def test_a_clock_that_is_wrong(chain: Chain, tmp_path: Path) -> None:
    chain.anvil.mine_at(chain.anvil.timestamp + 10**6)

    found = await ailments(configured(chain, tmp_path))

    assert "in the future" in found["clock"].text


async def test_a_container_that_does_not_run(chain: Chain, tmp_path: Path) -> None:
    dead = [{"id": "chat", "url": f"http://127.0.0.1:{free_port()}"}]

    found = await ailments(configured(chain, tmp_path, containers=dead))

    assert "cannot be reached" in found["container chat"].text


async def test_a_store_that_cannot_be_opened(chain: Chain, tmp_path: Path) -> None:
    config = configured(chain, tmp_path / "missing")

    assert "store.url" in str((await ailments(config))["store"].fix)
