"""Measures the TGI service: one JSON line per figure."""

from dataclasses import replace

import click

from bench.service.figures import FIGURES
from bench.service.world import running


@click.command()
@click.argument("names", nargs=-1, type=click.Choice(list(FIGURES)))
@click.option("--workers", default=2, help="Worker processes of the service.")
def main(names: tuple[str, ...], workers: int) -> None:
    """Measures the named groups of figures, all of them by default."""
    for name in names or tuple(FIGURES):
        with running(workers) as world:
            for figure in FIGURES[name](world):
                line = replace(figure, detail={"workers": workers}).to_json("service")
                print(line, flush=True)


if __name__ == "__main__":
    main()
