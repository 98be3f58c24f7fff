"""Writes forge's contracts in the form that ape takes for a project's.

ape compiles a contract type to itself, so that it needs no compiler of its own, and runs the
very bytecode that is deployed elsewhere.
"""

import json
from pathlib import Path

import click

from scripts import artifacts

FOLDER = Path(__file__).parent.parent / "cache" / "ape"
"""What ``contracts_folder`` of ape-config.yaml names."""


def contract_type(name: str) -> str:
    """Returns a contract as an ethPM contract type (EIP-2678), in JSON."""
    artifact = artifacts.load(name)
    bytecode = {"bytecode": artifact.bytecode}
    return json.dumps(
        {"contractName": name, "abi": artifact.abi, "deploymentBytecode": bytecode}, indent=1
    )


def write(folder: Path = FOLDER) -> int:
    """Writes every contract that has changed; returns how many those are.

    Raises:
        ScriptError: if forge has not built them.
    """
    folder.mkdir(parents=True, exist_ok=True)
    wanted = {folder / f"{name}.json": contract_type(name) for name in artifacts.SHIPPED}
    stale = [path for path, text in wanted.items() if not path.exists() or path.read_text() != text]
    for path in stale:
        path.write_text(wanted[path])
    return len(stale)


@click.command()
def cli() -> None:
    """Makes forge's contracts those of the ape project; again after each change of them."""
    click.echo(f"{write()} contracts written to {FOLDER}")


if __name__ == "__main__":
    cli()
