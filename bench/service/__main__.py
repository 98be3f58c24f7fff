"""Measures the TGI service: one JSON line per figure."""

import json
import os

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
                line = {
                    "benchmark": "service",
                    "figure": figure.name,
                    "value": round(figure.value, 2),
                    "unit": figure.unit,
                    "goal": figure.goal,
                    "met": figure.met,
                    "workers": workers,
                    "load": round(os.getloadavg()[0], 1),
                }
                print(json.dumps(line), flush=True)


if __name__ == "__main__":
    main()
