from collections.abc import Awaitable, Callable
from typing import Any

import pytest
from aiohttp import web

from infernet_client.error import APIError
from infernet_client.router import RouterClient
from test.client.scripted_node import NETWORK_CONTAINERS, NODES, RESOURCES, ScriptedNode


@pytest.fixture
def router(node: ScriptedNode) -> RouterClient:
    return RouterClient(node.url)


def test_the_default_can_be_called() -> None:
    assert RouterClient().base_url == "http://infernet-router.ritual.net"


async def test_nodes_by_containers(router: RouterClient, node: ScriptedNode) -> None:
    assert await router.get_nodes_by_container_ids(["tgi", "inner"]) == NODES
    assert await router.get_nodes_by_container_ids(["tgi"], n=1, offset=2) == NODES[2:]
    assert await router.get_nodes_by_container_ids(["a&b"]) == []

    assert [seen.path_qs for seen in node.seen] == [
        "/api/v1/ips?container=tgi&container=inner&n=3&offset=0",
        "/api/v1/ips?container=tgi&n=1&offset=2",
        "/api/v1/ips?container=a%26b&n=3&offset=0",
    ]


async def test_containers_resources_and_models(router: RouterClient) -> None:
    assert await router.get_containers() == NETWORK_CONTAINERS
    assert await router.get_resources() == {NODES[0]: RESOURCES}
    assert await router.check_model_support("org/model&more=1") == {
        NODES[0]: {"tgi": {"supported": True}}
    }


async def test_a_refusal_is_an_api_error(router: RouterClient, node: ScriptedNode) -> None:
    node.answer_once("GET", "/api/v1/containers", web.Response(status=502, text=""))

    with pytest.raises(APIError, match=r"^\[502\] the answer has no body$"):
        await router.get_containers()


@pytest.mark.parametrize("odd", [[{"name": "tgi"}], [1], "odd", None])
async def test_an_answer_of_another_server_is_an_error(
    router: RouterClient, node: ScriptedNode, odd: Any
) -> None:
    calls: dict[str, list[Callable[[], Awaitable[object]]]] = {
        "/api/v1/ips": [lambda: router.get_nodes_by_container_ids(["tgi"])],
        "/api/v1/containers": [router.get_containers],
        "/api/v1/resources": [router.get_resources, lambda: router.check_model_support("m")],
    }

    for route, requests in calls.items():
        for request in requests:
            node.answer_once("GET", route, web.json_response(odd))
            with pytest.raises(APIError, match=r"^\[200\] unexpected answer"):
                await request()
