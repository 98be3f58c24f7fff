"""A page run as a notebook: its blocks in order, in one folder, with one Python and one shell."""

import json
import os
import signal
import subprocess
import sys
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from types import TracebackType
from typing import Self

from scripts.stack import BIN
from test.docs.blocks import Block, PageError, blocks, matches

PYTHON = Path(__file__).with_name("python_session.py")
SECONDS = 90
"""For one block of shell."""
# Variables that a block exports, and those it sets, are there for the next one.
SHELL = """set -a -euo pipefail
[ ! -f .shell ] || source .shell
{block}
declare -px > .shell
"""


@dataclass
class Notebook:
    """Runs pages in a folder; ``substitutes`` are addresses and hosts of the page, and ours."""

    folder: Path
    substitutes: Mapping[str, str]
    env: Mapping[str, str] = field(default_factory=dict)
    outputs: list[str] = field(default_factory=list)
    _python: "subprocess.Popen[str] | None" = None

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        if self._python:
            self._python.communicate()

    def run(self, page: Path) -> None:
        """Runs a page from top to bottom.

        Raises:
            PageError: if a block fails, or prints something else than the page shows.
        """
        for block in blocks(page):
            self.run_block(block)

    def run_block(self, block: Block) -> None:
        """Runs one block, or writes the file that it is."""
        text = self.substituted(block.text)
        if block.title:
            path = self.folder / block.title
            path.parent.mkdir(parents=True, exist_ok=True)
            path.write_text(text)
            return
        printed = self._run_python(block, text) if block.language == "python" else self._sh(block)
        self.outputs.append(printed)
        if block.expected is not None and not matches(self.substituted(block.expected), printed):
            raise PageError(f"{block.place} printed\n{printed}\ninstead of\n{block.expected}")

    def substituted(self, text: str) -> str:
        """Returns a text of the page with our addresses and hosts."""
        for printed, ours in self.substitutes.items():
            text = text.replace(printed, ours)
        return text

    def _sh(self, block: Block) -> str:
        process = subprocess.Popen(
            ["bash", "-c", SHELL.replace("{block}", self.substituted(block.text))],
            cwd=self.folder,
            env=self._environment(),
            stdin=subprocess.DEVNULL,
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            text=True,
            start_new_session=True,
        )
        try:
            printed, told = process.communicate(timeout=SECONDS)
        except subprocess.TimeoutExpired:
            os.killpg(process.pid, signal.SIGKILL)
            printed, told = process.communicate()
            raise PageError(f"{block.place} did not end:\n{printed}\n{told}") from None
        if process.returncode:
            raise PageError(f"{block.place}: exit code {process.returncode}\n{printed}\n{told}")
        return printed

    def _run_python(self, block: Block, text: str) -> str:
        if self._python is None:
            self._python = subprocess.Popen(
                [sys.executable, "-P", str(PYTHON)],
                cwd=self.folder,
                env=self._environment(),
                stdin=subprocess.PIPE,
                stdout=subprocess.PIPE,
                text=True,
            )
        assert self._python.stdin is not None
        assert self._python.stdout is not None
        self._python.stdin.write(json.dumps(text) + "\n")
        self._python.stdin.flush()
        answer = json.loads(self._python.stdout.readline())
        if answer["error"]:
            raise PageError(f"{block.place}:\n{answer['printed']}\n{answer['error']}")
        return str(answer["printed"])

    def _environment(self) -> dict[str, str]:
        path = os.pathsep.join([str(BIN), os.environ["PATH"]])
        return {**os.environ, "PATH": path, **self.env}
