"""The Solidity compiler, kept running: a mutant costs its compilation and not the start as well."""

import json
import subprocess
import tomllib
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Self

from scripts.processes import die_with_parent

Code = dict[str, tuple[str, str]]
"""Creation and runtime code in hex with ``0x``, by contract."""


class CompilationError(Exception):
    """The source does not compile: the compiler's first complaint."""


@dataclass(frozen=True, slots=True)
class Compiler:
    """One compiler process, working like forge's ``unoptimized`` profile."""

    root: Path
    process: subprocess.Popen[str]
    settings: dict[str, Any]

    @classmethod
    def start(cls, root: Path) -> Self:
        """Starts a compiler for the project in ``root``, the folder of ``foundry.toml``."""
        profile = tomllib.loads((root / "foundry.toml").read_text())["profile"]["default"]
        process = subprocess.Popen(
            ["node", "scripts/audit/compile.js"],
            cwd=root,
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            text=True,
            preexec_fn=die_with_parent,
        )
        settings = {
            "remappings": profile["remappings"],
            "evmVersion": profile["evm_version"],
            "metadata": {"bytecodeHash": profile["bytecode_hash"]},
        }
        return cls(root, process, settings)

    def compile(self, source: str, text: str, wanted: dict[str, str]) -> Code:
        """Compiles contracts with one source file replaced.

        Args:
            source: path of that file from the root.
            text: what stands in it.
            wanted: names of the contracts, each with the path of its file.

        Raises:
            CompilationError: if the compiler refuses it.
        """
        sources = {path: (self.root / path).read_text() for path in wanted.values()}
        sources[source] = text
        selection = {
            path: {name: ["evm.bytecode.object", "evm.deployedBytecode.object"]}
            for name, path in wanted.items()
        }
        answer = self._ask(
            {
                "language": "Solidity",
                "sources": {path: {"content": content} for path, content in sources.items()},
                "settings": {**self.settings, "outputSelection": selection},
            }
        )
        for complaint in answer.get("errors", []):
            if complaint["severity"] == "error":
                raise CompilationError(complaint["message"])
        evm = {name: answer["contracts"][path][name]["evm"] for name, path in wanted.items()}
        return {
            name: ("0x" + code["bytecode"]["object"], "0x" + code["deployedBytecode"]["object"])
            for name, code in evm.items()
        }

    def stop(self) -> None:
        """Ends the process."""
        self.process.kill()
        self.process.wait()
        for pipe in (self.process.stdin, self.process.stdout):
            if pipe is not None:
                pipe.close()

    def _ask(self, question: dict[str, Any]) -> dict[str, Any]:
        assert self.process.stdin is not None
        assert self.process.stdout is not None
        print(json.dumps(question), file=self.process.stdin, flush=True)
        answer: dict[str, Any] = json.loads(self.process.stdout.readline())
        return answer
