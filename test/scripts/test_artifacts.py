import json
import sys
from pathlib import Path

import pytest
from click import ClickException

from scripts import artifacts


def artifact(out: Path, content: str) -> Path:
    path = out / "Registry.sol" / "Registry.json"
    path.parent.mkdir()
    path.write_text(content)
    return path


def test_an_artifact_is_read(tmp_path: Path) -> None:
    artifact(tmp_path, json.dumps({"abi": [], "bytecode": {"object": "0x60"}}))
    loaded = artifacts.load("Registry", out=tmp_path)
    assert (loaded.name, loaded.abi, loaded.bytecode) == ("Registry", [], "0x60")
    # keccak256 of the two characters [] says whether an ABI has changed
    assert loaded.abi_hash == "0x518674ab2b227e5f11e9084f615d57663cde47bce1ba168b4c19c7ee22a73d70"


def test_a_contract_that_is_not_built(tmp_path: Path) -> None:
    with pytest.raises(ClickException, match=r"Registry is not built .* run `make contracts`"):
        artifacts.load("Registry", out=tmp_path)


@pytest.mark.parametrize("content", ['{"abi": []}', '{"abi": ['])
def test_half_a_build(tmp_path: Path, content: str) -> None:
    path = artifact(tmp_path, content)
    with pytest.raises(ClickException, match=f"{path} is no whole build"):
        artifacts.load("Registry", out=tmp_path)


def test_the_release_build_has_a_target_of_its_own(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(artifacts, "RELEASE", tmp_path)
    with pytest.raises(ClickException, match=r"Registry is not built .* run `make release`"):
        artifacts.load("Registry", out=tmp_path)


def test_without_forge_there_is_no_release_build(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(sys, "executable", str(tmp_path / "python"))
    monkeypatch.setenv("PATH", str(tmp_path))
    with pytest.raises(
        ClickException, match="forge is needed for the release build: run `make setup`"
    ):
        artifacts.build_release()


def test_what_forge_objects_to_is_passed_on(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    forge = tmp_path / "forge"
    forge.write_text("#!/bin/sh\necho no such pragma; exit 1\n")
    forge.chmod(0o755)
    monkeypatch.setattr(sys, "executable", str(tmp_path / "python"))
    with pytest.raises(ClickException, match="could not build the contracts: no such pragma"):
        artifacts.build_release()
