"""Writes what Python needs of forge's output: ABIs into ``infernet_protocol``, and the code of the
core into ``infernet_testing``.

Run by ``make abis``; with ``--check`` it only tells whether they are up to date.
"""

import json
import sys
from pathlib import Path

import click

from infernet_testing.artifacts import CORE
from scripts import artifacts

ABIS = artifacts.ROOT / "protocol" / "infernet_protocol" / "abi"
CODE = artifacts.ROOT / "contracts" / "testing" / "infernet_testing" / "code"
HASHES = artifacts.ROOT / "scripts" / "abi_hashes.json"
"""What ``scripts/Deploy.sol`` records of each contract, which cannot hash an ABI itself."""
CONSUMER_BASES = {"BaseConsumer": "Base.sol", "Delegator": "Delegator.sol"}
"""Abstract contracts whose views the node calls, with the files that declare them."""


def rendered() -> dict[Path, str]:
    """Returns the content of every file, by path."""
    sources: dict[str, str | None] = dict.fromkeys(artifacts.SHIPPED)
    sources.update(CONSUMER_BASES)
    abis = {
        ABIS / f"{name}.json": json.dumps(artifacts.load(name, source).abi, indent=1) + "\n"
        for name, source in sources.items()
    }
    code = {CODE / f"{name}.hex": artifacts.load(name).bytecode + "\n" for name in CORE}
    hashes = {name: artifacts.load(name).abi_hash for name in CORE}
    return {**abis, **code, HASHES: json.dumps(hashes, indent=2) + "\n"}


@click.command()
@click.option("--check", is_flag=True, help="Write nothing; fail when a file is stale.")
def cli(check: bool) -> None:
    """Generates ABIs and code that Python packages ship from forge's output."""
    wanted = rendered()
    stale = [path for path, text in wanted.items() if not path.exists() or path.read_text() != text]
    shipped = [*ABIS.glob("*.json"), *CODE.glob("*.hex")]
    surplus = [path for path in shipped if path not in wanted]
    if check and (stale or surplus):
        names = ", ".join(sorted(path.name for path in stale + surplus))
        click.echo(f"stale: {names}; run `make abis` and commit the result", err=True)
        sys.exit(1)
    if not check:
        ABIS.mkdir(exist_ok=True)
        CODE.mkdir(exist_ok=True)
        for path in stale:
            path.write_text(wanted[path])
        for path in surplus:
            path.unlink()
        click.echo(f"{len(stale)} files written, {len(surplus)} removed")


if __name__ == "__main__":
    cli()
