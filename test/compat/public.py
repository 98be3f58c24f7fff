"""The public packages named infernet-client, each in its own environment (``make compat``)."""

import os
from dataclasses import dataclass
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[2]
STAND_IN = Path(__file__).with_name("stand_in")


@dataclass(frozen=True)
class Package:
    """An installed release."""

    version: str
    folder: Path
    """Its virtual environment."""
    extra_path: Path | None = None
    """Modules that the release imports and that cannot be installed."""

    @property
    def python(self) -> Path:
        return self._program("python")

    @property
    def command(self) -> Path:
        return self._program("infernet-client")

    @property
    def env(self) -> dict[str, str]:
        """The environment to run it in, without warnings about its own dependencies."""
        env = {"PATH": os.environ["PATH"], "PYTHONWARNINGS": "ignore"}
        return env | ({"PYTHONPATH": str(self.extra_path)} if self.extra_path else {})

    def _program(self, name: str) -> Path:
        path = self.folder / "bin" / name
        assert path.exists(), f"infernet-client {self.version} is not installed: run make compat"
        return path


FIRST = Package("1.0.0", ROOT / ".build/compat/venv")
# 1.4.0 requires an infernet-ml that was never published, and takes one type from it.
LAST = Package("1.4.0", ROOT / ".build/compat-1.4/venv", STAND_IN)

each_package = pytest.mark.parametrize(
    "package", [FIRST, LAST], ids=lambda package: package.version
)
