"""Measures the on-chain half: one JSON line per figure."""

import tempfile
from pathlib import Path

import click

from bench.chain.figures import FIGURES
from bench.chain.world import fresh_world


@click.command()
@click.argument("names", nargs=-1, type=click.Choice(list(FIGURES)))
@click.option("--keep", type=click.Path(file_okay=False), help="Folder for logs; kept afterwards.")
def main(names: tuple[str, ...], keep: str | None) -> None:
    """Measures the named groups of figures, all of them by default."""
    with tempfile.TemporaryDirectory() as temporary:
        for name in names or tuple(FIGURES):
            with fresh_world(Path(keep or temporary) / name) as world:
                for figure in FIGURES[name](world):
                    click.echo(figure.to_json("chain"))


if __name__ == "__main__":
    main()
