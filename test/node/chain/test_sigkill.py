"""A real process, a real SIGKILL, at moments that nobody chose."""

import asyncio
import os
import random
import signal
import sys
from asyncio.subprocess import PIPE, Process
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path

from scripts.processes import die_with_parent
from test.node.chain.world import Chain

ROOT = Path(__file__).parent.parent.parent.parent
KILLS = int(os.environ.get("KILL_ROUNDS", "3"))
"""How often it is killed; `KILL_ROUNDS=300` with `--timeout 1800` is the long form."""
CALLBACKS = 12


@asynccontextmanager
async def running(chain: Chain, database_url: str) -> AsyncIterator[Process]:
    """The node in its own process, killed at the end of the block."""
    process = await asyncio.create_subprocess_exec(
        *(sys.executable, "-m", "test.node.chain.killable"),
        *(chain.anvil.url, chain.contracts["Registry"], database_url),
        cwd=ROOT,
        stdout=PIPE,
        stderr=asyncio.subprocess.DEVNULL,
        preexec_fn=die_with_parent,
    )
    assert process.stdout is not None
    assert await process.stdout.readline() == b"started\n"
    try:
        yield process
    finally:
        process.send_signal(signal.SIGKILL)
        await process.wait()


async def test_callbacks_and_intervals_are_answered_once_across_kills(
    chain: Chain, database_url: str
) -> None:
    moments = random.Random(20240607)
    scheduled = chain.schedule(["first", "second"], period=400)
    ids = [chain.ask(f"question {number}") for number in range(CALLBACKS)]
    for _ in range(KILLS):
        async with running(chain, database_url):
            lifetime = moments.uniform(0.1, 0.6)
            await mine_for(chain, lifetime)

    async with running(chain, database_url):
        for _ in range(2_000):
            if chain.deliveries() == CALLBACKS + 2:
                break
            await mine_for(chain, 0.1, blocks=5)
        await mine_for(chain, 0.5)

    assert [chain.answer(id_) for id_ in ids] == [f"echo: question {n}" for n in range(CALLBACKS)]
    assert chain.scheduled_answer(scheduled, 1) == "echo: first"
    assert chain.scheduled_answer(scheduled, 2) == "echo: second"
    assert chain.deliveries() == CALLBACKS + 2
    assert chain.reverted() == 0


async def mine_for(chain: Chain, seconds: float, blocks: int = 1) -> None:
    """Lets a block or some pass every now and then."""
    end = asyncio.get_running_loop().time() + seconds
    while asyncio.get_running_loop().time() < end:
        chain.anvil.mine(blocks)
        await asyncio.sleep(0.03)
