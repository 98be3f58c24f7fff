import json
from pathlib import Path

import pytest

from infernet_protocol.deployments import Deployed, DeploymentError, load, save

REGISTRY = Deployed(
    address="0x663F3ad617193148711d28f5334eE4Ed07016602",
    block=1,
    txHash="0xaa",
    abiHash="0xbb",
    version="0.1.0",
)


def test_saved_contracts_are_read_back(tmp_path: Path) -> None:
    save(31337, {"Registry": REGISTRY}, tmp_path)
    assert load(31337, tmp_path) == {"Registry": REGISTRY}


def test_saving_again_keeps_the_contracts_of_other_names(tmp_path: Path) -> None:
    save(1, {"Registry": REGISTRY}, tmp_path)
    save(1, {"ChatConsumer": REGISTRY}, tmp_path)
    assert sorted(load(1, tmp_path)) == ["ChatConsumer", "Registry"]


def test_an_entry_of_the_forge_script_names_no_transaction(tmp_path: Path) -> None:
    entry = {"address": REGISTRY.address, "block": 1, "abiHash": "0xbb", "version": "0.1.0"}
    (tmp_path / "1.json").write_text(json.dumps({"Registry": entry}))
    assert load(1, tmp_path)["Registry"].txHash is None
    save(1, {"ChatConsumer": REGISTRY}, tmp_path)
    assert json.loads((tmp_path / "1.json").read_text())["Registry"] == entry


def test_an_unknown_chain_says_how_to_deploy(tmp_path: Path) -> None:
    with pytest.raises(DeploymentError, match=r"chain 5; run scripts/deploy.py"):
        load(5, tmp_path)


@pytest.mark.parametrize("text", ["[", "[]", '{"Registry": {"address": "0x"}}'])
def test_a_damaged_file_is_named(tmp_path: Path, text: str) -> None:
    (tmp_path / "1.json").write_text(text)
    with pytest.raises(DeploymentError, match=r"1\.json: damaged"):
        load(1, tmp_path)
