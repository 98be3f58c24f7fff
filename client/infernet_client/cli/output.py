"""What commands print: for people on a terminal, exact and plain anywhere else."""

import json
import sys
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

if TYPE_CHECKING:
    from rich.console import RenderableType

Tabulate = Callable[[Any], "RenderableType"]


@dataclass(frozen=True, slots=True)
class Output:
    """Where to, and in which form, a command answers."""

    path: str = "-"
    as_json: bool = False
    """Whether ``--json`` was given: JSON also where it would be a text or a table."""

    @property
    def on_terminal(self) -> bool:
        return self.path == "-" and sys.stdout.isatty()

    def show(self, value: Any, table: Tabulate | None = None) -> None:
        """Writes a string as it is and anything else as JSON, with a newline.

        On a terminal JSON is coloured, or a table if there is one for it.
        """
        if isinstance(value, str) and not self.as_json:
            self.write(value + "\n")
        elif not self.on_terminal:
            self.write(json.dumps(value, indent=2, ensure_ascii=False) + "\n")
        else:
            from rich.console import Console

            console = Console()
            if table is not None and not self.as_json:
                console.print(table(value))
            else:
                console.print_json(data=value, indent=2, ensure_ascii=False)

    def show_text(self, text: str, facts: dict[str, Any]) -> None:
        """Writes a text for people, or with ``--json`` the facts in it."""
        self.show(facts if self.as_json else text)

    def write(self, text: str) -> None:
        """Writes a text as it is.

        Raises:
            ClickException: if the file cannot be written.
        """
        # JSON can carry halves of surrogate pairs, which no encoding writes.
        writable = text.encode("utf-8", "replace").decode()
        if self.path == "-":
            click.echo(writable, nl=False)
            return
        try:
            Path(self.path).write_text(writable, encoding="utf-8")
        except OSError as error:
            raise click.FileError(self.path, error.strerror or str(error)) from None

    @contextmanager
    def opened(self) -> Iterator[Callable[[str], None]]:
        """Hands out a function that writes pieces of text as they come."""
        with click.open_file(self.path, "w", encoding="utf-8", errors="replace") as stream:

            def write(text: str) -> None:
                stream.write(text)
                stream.flush()

            yield write


@contextmanager
def progress(text: str) -> Iterator[None]:
    """Shows on a terminal that something is under way, and for how long; else nothing."""
    if not sys.stderr.isatty():
        yield
        return
    from rich.console import Console
    from rich.progress import Progress, SpinnerColumn, TextColumn, TimeElapsedColumn

    columns = (SpinnerColumn(), TextColumn("{task.description}"), TimeElapsedColumn())
    with Progress(*columns, console=Console(stderr=True), transient=True) as bar:
        bar.add_task(text, total=None)
        yield
