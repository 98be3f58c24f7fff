"""The page about the configuration is complete, and the samples are valid."""

import json
from pathlib import Path

import pytest
from click.testing import CliRunner
from pydantic import BaseModel

from infernet_node.cli import main
from infernet_node.config import Config, load_config
from infernet_node.config.reference import reference
from infernet_node.config.section import section_in
from scripts.processes import free_port
from test.support.node_process import started

ROOT = Path(__file__).parents[2]


def undescribed(model: type[BaseModel]) -> list[str]:
    missing = []
    for key, field in model.model_fields.items():
        if section := section_in(field.annotation):
            missing += undescribed(section)
        elif not field.description:
            missing.append(key)
    return missing


def test_the_page_is_that_of_the_code() -> None:
    page = (ROOT / "docs" / "configuration.md").read_text()
    # make it anew: infernet-node config-reference > docs/configuration.md
    assert page == reference()
    assert CliRunner().invoke(main, ["config-reference"]).output == page


def test_every_key_is_described() -> None:
    assert undescribed(Config) == []


@pytest.mark.parametrize("sample", ["config.json", "local.json"])
def test_samples_need_no_editing(sample: str) -> None:
    assert load_config(ROOT / "deploy" / sample, {"INFERNET_PRIVATE_KEY": "1" * 64}).config


async def test_the_local_profile_runs(tmp_path: Path) -> None:
    document = json.loads((ROOT / "deploy" / "local.json").read_text())
    # Other tests run on this machine at the same time; nothing else is changed.
    document["server"]["port"] = 0
    document["containers"][0]["port"] = free_port()
    document["log"]["path"] = str(tmp_path / "node.log")
    path = tmp_path / "local.json"
    path.write_text(json.dumps(document))
    async with started(path) as node:
        async with node.session.get(f"{node.url}/health") as response:
            assert await response.json() == {"status": "healthy"}
        assert (await node.until("container_running"))["container"] == document["containers"][0][
            "id"
        ]
