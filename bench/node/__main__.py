"""Measures the node: one JSON line per figure."""

import tempfile
from pathlib import Path

import click
import uvloop

from bench.node.measures import first_byte, latency, memory, throughput
from bench.node.world import running


@click.command()
@click.option("--jobs", default=10_000, help="Jobs of the throughput figure.")
@click.option("--kept", default=100_000, help="Jobs of the memory figure; 0 leaves it out.")
def main(jobs: int, kept: int) -> None:
    """Prints the figures of the node's off-chain half beside their goals."""
    uvloop.run(_measure(jobs, kept))


async def _measure(jobs: int, kept: int) -> None:
    with tempfile.TemporaryDirectory() as directory:
        async with running(Path(directory)) as world:
            print((await throughput(world, clients=64, jobs=jobs)).to_json("node"), flush=True)
            print((await latency(world, jobs=500)).to_json("node"), flush=True)
            print((await first_byte(world, streams=300)).to_json("node"), flush=True)
            if kept:
                print((await memory(world, jobs=kept)).to_json("node"), flush=True)


if __name__ == "__main__":
    main()
