"""A node's chain half in a process of its own, for tests that send it SIGKILL.

``python -m test.node.chain.killable RPC_URL REGISTRY DATABASE_URL`` says "started" and works
until it is killed.
"""

import asyncio
import sys
from typing import Any

import structlog
from pydantic import SecretStr

from infernet_node.chain.service import ChainService
from infernet_node.config import ChainConfig, ContainerConfig
from infernet_node.config.models import SnapshotSyncConfig, WalletConfig
from infernet_node.store.database import Database
from test.node.chain.world import CONTAINER, NODE_KEY, Outcome, Pipeline


class SlowPipeline(Pipeline):
    """Takes its time, so that a kill may come in the middle of an answer."""

    async def __call__(self, *args: Any, **kwargs: Any) -> Outcome:
        await asyncio.sleep(0.05)
        return await super().__call__(*args, **kwargs)


async def main(rpc_url: str, registry: str, database_url: str) -> None:
    config = ChainConfig(
        enabled=True,
        rpc_url=rpc_url,
        trail_head_blocks=0,
        registry_address=registry,
        wallet=WalletConfig(private_key=SecretStr(NODE_KEY)),
        snapshot_sync=SnapshotSyncConfig(sync_period=0.02),
    )
    containers = [ContainerConfig(id=CONTAINER, url="http://unused.invalid")]
    database = await Database.open(database_url)
    print("started", flush=True)
    await ChainService(config, containers, SlowPipeline(), database).run()


if __name__ == "__main__":
    # Standard output is for the test alone.
    structlog.configure(logger_factory=structlog.PrintLoggerFactory(sys.stderr))
    asyncio.run(main(*sys.argv[1:]))
