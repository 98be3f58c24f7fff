"""The contracts compile with what projects of infernet-sdk v1 pin: a compiler, and a Solady."""

import json
import os
import re
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest

from scripts.stack import ROOT

pytestmark = pytest.mark.timeout(900)
"""A compiler in WebAssembly, on machines that have other work; the IR takes it a minute without."""

FORGE = Path(sys.executable).parent / "forge"
CONTRACTS = ROOT / "contracts"
OLDEST = "0.8.13"
OLD_SOLADY = "solady-0.0.201"
"""Of the time of infernet-sdk v1."""
COMPILERS = [(OLDEST, "london", "solady"), ("0.8.19", "paris", OLD_SOLADY)]
"""Each with the newest version of the EVM that it knows, and the package that Solady comes from."""
MOST_CODE = 24_576
"""Bytes of code that a contract may have (EIP-170)."""

each_compiler = pytest.mark.parametrize(("version", "evm", "solady"), COMPILERS)


def compiled(
    folder: Path, version: str, evm: str, solady: str, *, ir: bool = False
) -> dict[str, list[Any]]:
    """Has forge build ``contracts/`` into a folder; returns the artifacts of each source file."""
    done = subprocess.run(
        [FORGE, "build", "contracts"],
        cwd=ROOT,
        env={
            **os.environ,
            "SOLC_PACKAGE": f"solc-{version}",
            "FOUNDRY_PROFILE": "default",
            "FOUNDRY_EVM_VERSION": evm,
            "FOUNDRY_VIA_IR": json.dumps(ir),
            "FOUNDRY_REMAPPINGS": f"solady/=node_modules/{solady}/src/",
            "FOUNDRY_OUT": str(folder / "out"),
            "FOUNDRY_CACHE_PATH": str(folder / "cache"),
        },
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.returncode == 0, done.stdout + done.stderr
    artifacts: dict[str, list[Any]] = {}
    for path in (folder / "out").glob("*.sol/*.json"):
        artifact = json.loads(path.read_text())
        (source,) = artifact["metadata"]["settings"]["compilationTarget"]
        artifacts.setdefault(source, []).append(artifact)
    return artifacts


def check(
    artifacts: dict[str, list[Any]], version: str, evm: str, solady: str, *, ir: bool = False
) -> None:
    """Every source was compiled, as it was asked for, to code that can be deployed."""
    assert f"node_modules/{solady}/src/auth/Ownable.sol" in artifacts
    for source in CONTRACTS.rglob("*.sol"):
        for artifact in artifacts[str(source.relative_to(ROOT))]:
            metadata = artifact["metadata"]
            assert metadata["compiler"]["version"].startswith(f"{version}+")
            assert metadata["settings"]["evmVersion"] == evm
            assert metadata["settings"].get("viaIR", False) is ir
            assert len(artifact["deployedBytecode"]["object"][2:]) <= 2 * MOST_CODE, source


@each_compiler
def test_the_contracts_compile(version: str, evm: str, solady: str, tmp_path: Path) -> None:
    check(compiled(tmp_path, version, evm, solady), version, evm, solady)


@pytest.mark.e2e
@each_compiler
def test_the_contracts_compile_through_the_ir(
    version: str, evm: str, solady: str, tmp_path: Path
) -> None:
    check(compiled(tmp_path, version, evm, solady, ir=True), version, evm, solady, ir=True)


def test_the_oldest_compiler_that_the_contracts_admit_is_tried() -> None:
    pragma = re.compile(r"^pragma solidity (.*);$", re.MULTILINE)
    for source in CONTRACTS.rglob("*.sol"):
        assert pragma.findall(source.read_text()) == [f"^{OLDEST}"], source
