"""Commands that ask about nodes and networks."""

import json

import pytest

from test.client.command_line import Ended, run
from test.client.scripted_node import INFO, NETWORK_CONTAINERS, NODES, RESOURCES, ScriptedNode


def test_health(node: ScriptedNode) -> None:
    assert run("health", "--url", node.url) == Ended(0, "healthy\n", "")
    assert json.loads(run("health", "--url", node.url, "--json").out) == {"status": "healthy"}

    node.healthy = False
    assert run("health", "--url", node.url) == Ended(1, "unhealthy\n", "")


def test_info_is_json_indented_by_two(node: ScriptedNode) -> None:
    assert run("info", "--url", node.url) == Ended(0, json.dumps(INFO, indent=2) + "\n", "")


@pytest.mark.parametrize(
    ("arguments", "answer"),
    [
        (["resources"], {NODES[0]: RESOURCES}),
        (["check-model", "-m", "org/model&more=1"], {NODES[0]: {"tgi": {"supported": True}}}),
        (
            ["check_model", "--model_id", "org/model&more=1"],
            {NODES[0]: {"tgi": {"supported": True}}},
        ),
        (["containers"], NETWORK_CONTAINERS),
        (["find", "-c", "tgi", "-c", "inner"], NODES),
        (["find", "-c", "tgi", "-n", "1", "--skip", "1"], NODES[1:2]),
        (["find", "-c", "nope"], []),
    ],
)
def test_a_router_is_asked(node: ScriptedNode, arguments: list[str], answer: object) -> None:
    by_option = run(*arguments, "--url", node.url)
    by_variable = run(*arguments, env={"ROUTER_URL": node.url.removeprefix("http://")})

    assert json.loads(by_option.out) == answer
    assert by_option == by_variable


@pytest.mark.parametrize(
    ("arguments", "answer"),
    [
        (["resources"], RESOURCES),
        (["check-model", "-m", "org/model&more=1"], {"tgi": {"supported": True}}),
    ],
)
def test_a_node_is_asked_instead(node: ScriptedNode, arguments: list[str], answer: object) -> None:
    for option in ("-n", "--node"):
        address = node.url.removeprefix("http://")
        assert json.loads(run(*arguments, option, address).out) == answer


def test_headers_and_proxies_reach_every_client(node: ScriptedNode) -> None:
    secret = ("-H", "Authorization: Bearer s3cret", "--header", "X-Team:tgi")
    run("health", *secret, "--url", "http://node.invalid", env={"INFERNET_PROXY": node.url})
    run("containers", *secret, "--url", node.url)
    run("resources", *secret, "--node", node.url)

    assert len(node.seen) == 3
    for seen in node.seen:
        assert seen.headers["Authorization"] == "Bearer s3cret"
        assert seen.headers["X-Team"] == "tgi"
    assert node.seen[0].headers["Host"] == "node.invalid"


def test_a_wrong_header_is_refused_without_its_value(node: ScriptedNode) -> None:
    ended = run("health", "-H", "Bearer-s3cret", "--url", node.url)

    assert ended.code == 2
    assert "not a header; write it like 'Authorization: Bearer ...'" in ended.err
    assert "s3cret" not in ended.err


def test_a_node_that_is_not_there() -> None:
    assert run("health", "--url", "http://127.0.0.1:1") == Ended(
        1,
        "",
        "Error: cannot reach 127.0.0.1:1 (Connection refused); "
        "is it running, and is the address right?\n",
    )


def test_a_url_that_is_none_is_a_usage_error() -> None:
    ended = run("health", "--url", "ftp://node")

    assert ended.code == 2
    assert "Invalid value for '--url': not an HTTP address" in ended.err
