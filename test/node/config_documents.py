"""Documents that tests of the configuration read, and what comes of them."""

from typing import Any

import pytest

from infernet_node.config import Config, ConfigError, parse_config

KEY = "0xac0974bec39a17e36ba4a6b4d238ff944bacb478cbed5efcae784d7bf4f2ff80"
REGISTRY = "0x663F3ad617193148711d28f5334eE4Ed07016602"
RUNNING = {"id": "a", "url": "http://a:3000"}


def parsed(document: dict[str, Any], **environ: str) -> Config:
    return parse_config(document, environ).config


def problems(document: dict[str, Any], **environ: str) -> list[str]:
    with pytest.raises(ConfigError) as caught:
        parse_config(document, environ)
    return [str(problem) for problem in caught.value.problems]


def chain(**changes: Any) -> dict[str, Any]:
    section = {
        "enabled": True,
        "rpc_url": "http://localhost:8545",
        "registry_address": REGISTRY,
        "wallet": {"private_key": KEY},
    }
    return {"chain": {**section, **changes}}
