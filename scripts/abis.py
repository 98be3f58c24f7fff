"""Writes the ABIs that Python needs from forge's output into ``infernet_protocol``.

Run by ``make abis``; with ``--check`` it only tells whether they are up to date.
"""

import json
import sys
from pathlib import Path

import click

from scripts import artifacts

TARGET = Path(__file__).parent.parent / "protocol" / "infernet_protocol" / "abi"
CONSUMER_BASES = {"BaseConsumer": "Base.sol", "Delegator": "Delegator.sol"}
"""Abstract contracts whose views the node calls, with the files that declare them."""


def rendered() -> dict[Path, str]:
    """Returns the content of every ABI file, by path."""
    sources: dict[str, str | None] = dict.fromkeys(artifacts.SHIPPED)
    sources.update(CONSUMER_BASES)
    return {
        TARGET / f"{name}.json": json.dumps(artifacts.load(name, source).abi, indent=1) + "\n"
        for name, source in sources.items()
    }


@click.command()
@click.option("--check", is_flag=True, help="Write nothing; fail when a file is stale.")
def cli(check: bool) -> None:
    """Generates the ABI files of infernet_protocol from forge's output."""
    wanted = rendered()
    stale = [path for path, text in wanted.items() if not path.exists() or path.read_text() != text]
    surplus = [path for path in TARGET.glob("*.json") if path not in wanted]
    if check and (stale or surplus):
        names = ", ".join(sorted(path.name for path in stale + surplus))
        click.echo(f"stale ABIs: {names}; run `make abis` and commit the result", err=True)
        sys.exit(1)
    if not check:
        TARGET.mkdir(exist_ok=True)
        for path in stale:
            path.write_text(wanted[path])
        for path in surplus:
            path.unlink()
        click.echo(f"{len(stale)} ABI files written, {len(surplus)} removed")


if __name__ == "__main__":
    cli()
