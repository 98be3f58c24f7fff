"""Docker Compose, with the sample of a fleet and images that no registry knows."""

import asyncio
import json
import os
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

import pytest

from test.support.python_image import ROOT

_FILE = ROOT / "deploy/compose.yaml"


@dataclass
class Said:
    """What a command has printed."""

    code: int
    out: str
    err: str


@dataclass
class Compose:
    """One project of its own.

    Args:
        images: names in place of those of the file, by service.
        variables: of the file, in place of those of the example.
    """

    docker_host: str
    project: str
    folder: Path
    images: Mapping[str, str]
    variables: Mapping[str, str]

    async def require(self) -> None:
        """Skips the test where this machine's ``docker`` has no ``compose``."""
        try:
            said = await self._docker("compose", "version")
        except FileNotFoundError:
            pytest.skip("no docker command to run Docker Compose with")
        if said.code:
            pytest.skip("no Docker Compose: the docker command has no plugin of that name")

    async def __call__(self, *words: str) -> str:
        """Runs a command that succeeds; returns what it printed."""
        said = await self.attempt(*words)
        assert said.code == 0, f"{words}: {said.err}\n{await self.logs()}"
        return said.out

    async def attempt(self, *words: str) -> Said:
        """Runs a command, whatever comes of it."""
        override = self.folder / "override.json"
        services = {service: {"image": image} for service, image in self.images.items()}
        override.write_text(json.dumps({"services": services}))
        environment = self.folder / "env"
        lines = (_FILE.parent / ".env.example").read_text().splitlines()
        lines += [f"{name}={value}" for name, value in self.variables.items()]
        environment.write_text("\n".join(lines) + "\n")
        return await self._docker(
            *("compose", "--project-name", self.project, "--env-file", str(environment)),
            *("--file", str(_FILE), "--file", str(override)),
            *words,
        )

    async def logs(self) -> str:
        """The last lines of all containers."""
        return (await self.attempt("logs", "--no-color", "--tail", "20")).out

    async def _docker(self, *words: str) -> Said:
        process = await asyncio.create_subprocess_exec(
            *("docker", *words),
            stdin=asyncio.subprocess.DEVNULL,
            stdout=asyncio.subprocess.PIPE,
            stderr=asyncio.subprocess.PIPE,
            env={**os.environ, "DOCKER_HOST": self.docker_host},
        )
        out, err = await process.communicate()
        assert process.returncode is not None
        return Said(process.returncode, out.decode(), err.decode())
