"""Measures gas, row by row: a table on a terminal, one JSON line per figure in a pipe."""

import json
from collections.abc import Iterator
from dataclasses import dataclass

import click
from rich.console import Console
from rich.table import Table

from bench.gas.rows import ROWS, Row
from bench.gas.trace import Trace
from bench.gas.world import World, fresh_world


@dataclass(frozen=True, slots=True)
class Figure:
    """What one row took."""

    row: Row
    gas: int

    @property
    def met(self) -> bool:
        return self.gas <= self.row.goal

    def to_json(self) -> str:
        return json.dumps(
            {
                "benchmark": "gas",
                "row": self.row.name,
                "gas": self.gas,
                "reference": self.row.reference,
                "goal": self.row.goal,
                "met": self.met,
            }
        )


def measure(world: World, rows: tuple[Row, ...]) -> Iterator[Figure]:
    """Yields a figure per row, each from the same state of the chain."""
    for row in rows:
        with world.anvil.undone():
            yield Figure(row, row.prepare(world).send()["gasUsed"])


def table(figures: list[Figure]) -> Table:
    """Lays the figures out beside reference and goal."""
    result = Table(title="Gas of whole transactions", box=None, title_justify="left")
    result.add_column("transaction")
    for heading in ("ours", "infernet-sdk v1", "difference", "goal"):
        result.add_column(heading, justify="right")
    result.add_column("")
    for figure in figures:
        row = figure.row
        result.add_row(
            row.name,
            f"{figure.gas:,}",
            f"{row.reference:,}",
            f"{100 * (figure.gas / row.reference - 1):+.1f} %",
            f"{row.goal:,}",
            "[green]met[/]" if figure.met else f"[red]missed by {figure.gas - row.goal:,}[/]",
        )
    return result


@click.command(context_settings={"show_default": True})
@click.option("--match", default="", help="Measure only the rows whose name contains this.")
@click.option("--trace", is_flag=True, help="Show where the gas goes, by opcode and storage slot.")
def main(match: str, trace: bool) -> None:
    """Measures the gas of whole transactions against the release build."""
    rows = tuple(row for row in ROWS if match in row.name)
    if not rows:
        raise click.BadParameter(f"no row is named like {match!r}", param_hint="--match")
    console = Console()
    with fresh_world() as world:
        if trace:
            for row in rows:
                with world.anvil.undone():
                    taken_apart = Trace.of(world, row.prepare(world).send())
                console.print(taken_apart.opcode_table(row.name), taken_apart.slot_table())
        elif console.is_terminal:
            console.print(table(list(measure(world, rows))))
        else:
            for figure in measure(world, rows):
                click.echo(figure.to_json())


if __name__ == "__main__":
    main()
