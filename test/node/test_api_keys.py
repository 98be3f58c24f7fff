"""API keys: whose jobs are whose when addresses do not tell."""

import hashlib
from pathlib import Path
from typing import Any

import pytest
from click.testing import CliRunner

from infernet_node.cli import main
from infernet_node.config import ConfigError, parse_config
from test.node.conftest import CONTAINERS
from test.support.container import ScriptedContainer
from test.support.node import NodeUnderTest, running_node

ALICE, BOB = "alice's key", "bob's key"
KEYS = [
    {"name": name, "sha256": hashlib.sha256(key.encode()).hexdigest()}
    for name, key in (("alice", ALICE), ("bob", BOB))
]
JOB: dict[str, Any] = {"containers": ["one"], "data": {}}


def config(container: ScriptedContainer, **server: Any) -> dict[str, Any]:
    containers = [{**c, "url": container.url} for c in CONTAINERS]
    return {"containers": containers, "server": {"api_keys": KEYS, **server}}


async def call(
    node: NodeUnderTest, method: str, path: str, key: str | None = None, **rest: Any
) -> Any:
    headers = {"Authorization": f"Bearer {key}"} if key else {}
    async with node.session.request(method, node.url + path, headers=headers, **rest) as response:
        return response.status, await response.json()


async def test_w_03_jobs_belong_to_the_key(tmp_path: Path, container: ScriptedContainer) -> None:
    async with running_node(config(container), tmp_path) as node:
        _, created = await call(node, "POST", "/api/jobs", ALICE, json=JOB)
        mine = f"/api/jobs?id={created['id']}"

        assert len((await call(node, "GET", mine, ALICE))[1]) == 1
        assert await call(node, "GET", mine, BOB) == (200, [])
        # The address alone is another owner.
        assert await call(node, "GET", mine) == (200, [])


async def test_an_unknown_key_is_no_stranger_but_refused(
    tmp_path: Path, container: ScriptedContainer
) -> None:
    async with running_node(config(container), tmp_path) as node:
        status, body = await call(node, "GET", "/api/jobs", "guessed")
    assert (status, body["error"]) == (
        401,
        "API key is not known; send Authorization: Bearer <key>",
    )


async def test_keys_can_be_required(tmp_path: Path, container: ScriptedContainer) -> None:
    async with running_node(config(container, require_api_key=True), tmp_path) as node:
        assert (await call(node, "POST", "/api/jobs", json=JOB))[0] == 401
        assert (await call(node, "POST", "/api/jobs", BOB, json=JOB))[0] == 200
        assert (await call(node, "GET", "/health"))[0] == 200


async def test_without_keys_the_header_means_nothing(node: NodeUnderTest) -> None:
    assert (await call(node, "POST", "/api/jobs", "whatever", json=JOB))[0] == 200


async def test_the_firewall_holds_for_holders_too(
    tmp_path: Path, container: ScriptedContainer
) -> None:
    async with running_node(config(container), tmp_path) as node:
        fenced = {"containers": ["fenced"], "data": {}}
        status, body = await call(node, "POST", "/api/jobs", ALICE, json=fenced)
    assert (status, body["error"]) == (405, "Container not allowed for address")


async def test_w_06_strangers_are_not_shown_what_is_inside(
    tmp_path: Path, container: ScriptedContainer
) -> None:
    # Loopback is a stranger here.
    served = config(container, operator_ips=["10.0.0.0/8"])
    async with running_node(served, tmp_path) as node:

        async def shown(key: str | None) -> list[set[str]]:
            _, info = await call(node, "GET", "/info", key)
            _, resources = await call(node, "GET", "/resources", key)
            return [{c["id"] for c in info["containers"]}, set(resources)]

        everything = {c["id"] for c in CONTAINERS}
        assert await shown(None) == [everything - {"inner"}] * 2
        assert await shown(ALICE) == [everything] * 2


class TestConfiguration:
    def test_a_new_key_is_printed_once_and_kept_as_a_hash(self) -> None:
        result = CliRunner().invoke(main, ["new-api-key", "carol"])
        key, line = result.stdout.splitlines()
        settings = parse_config({}, {"INFERNET_API_KEYS": line.partition("=")[2]}).config

        assert line.startswith("INFERNET_API_KEYS=carol:")
        assert settings.server.api_keys[0].name == "carol"
        assert settings.server.api_keys[0].sha256 == hashlib.sha256(key.encode()).hexdigest()

    @pytest.mark.parametrize(
        ("server", "problem"),
        [
            ({"api_keys": [{"name": "a", "sha256": "plain"}]}, "must be the SHA-256 of the key"),
            ({"api_keys": [{"name": "a b", "sha256": "0" * 64}]}, "must be 1 to 48 letters"),
            ({"api_keys": [KEYS[0], KEYS[0]]}, "must not name alice twice"),
            ({"require_api_key": True}, "needs at least one key in api_keys"),
        ],
    )
    def test_problems(self, server: dict[str, Any], problem: str) -> None:
        with pytest.raises(ConfigError, match=problem):
            parse_config({"server": server}, {})
