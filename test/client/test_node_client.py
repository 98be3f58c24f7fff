"""Every method of NodeClient against a node that answers in the published shapes."""

import asyncio
import itertools
from collections.abc import Awaitable, Callable
from typing import Any

import aiohttp
import pytest
from aiohttp import web

from infernet_client.error import APIError
from infernet_client.node import NodeClient
from infernet_client.types import JobRequest
from test.client.scripted_node import INFO, RESOURCES, Outcome, ScriptedNode
from test.support.waiting import SECONDS

JOB: JobRequest = {"containers": ["tgi"], "data": {"text": "Can shrimp actually fry rice fr?"}}


async def never(request: web.Request) -> web.StreamResponse:
    await asyncio.Event().wait()
    raise AssertionError


async def hang_up(request: web.Request) -> web.StreamResponse:
    assert request.transport is not None
    request.transport.close()
    return web.Response()


async def test_health(client: NodeClient, node: ScriptedNode) -> None:
    assert await client.health() is True
    node.healthy = False
    assert await client.health() is False


async def test_a_node_that_says_unhealthy_with_an_error_status_is_unhealthy(
    client: NodeClient, node: ScriptedNode
) -> None:
    node.answer_once("GET", "/health", web.json_response({"status": "unhealthy"}, status=503))

    assert await client.health() is False


async def test_info_resources_and_model_support(client: NodeClient) -> None:
    assert await client.get_info() == INFO
    assert await client.get_resources() == RESOURCES
    assert await client.check_model_support("x") == {
        "tgi": {"supported": False, "error": "x is not served"}
    }


async def test_query_values_are_percent_encoded(client: NodeClient, node: ScriptedNode) -> None:
    assert await client.check_model_support("org/model&more=1") == {"tgi": {"supported": True}}
    assert await client.get_job_results(["a&id=b", "ü %"]) == []

    assert "more%3D1" in node.seen[0].path_qs
    assert "a%26id%3Db" in node.seen[1].path_qs


async def test_a_job_is_posted_as_it_is(client: NodeClient, node: ScriptedNode) -> None:
    job_id = await client.request_job(JOB)

    assert len(job_id) == 36
    assert node.seen[-1].body == JOB
    assert node.seen[-1].headers["Content-Type"] == "application/json"


async def test_a_batch_answers_in_order_with_refusals_in_place(client: NodeClient) -> None:
    unknown: JobRequest = {"containers": ["nope"], "data": {}}

    first, second, third = await client.request_jobs([JOB, unknown, JOB])

    assert set(first) == set(third) == {"id"}
    assert second == {"error": "Container not supported", "params": {"container": "nope"}}


async def test_results_in_both_generations_of_keys(client: NodeClient, node: ScriptedNode) -> None:
    step = {"container": "tgi", "output": {"output": "draft"}}
    job_id = node.add_job(Outcome(output={"n": 3}, intermediate=[step]), "inner")

    (plain,) = await client.get_job_results([job_id])
    (whole,) = await client.get_job_results([job_id, "unknown"], intermediate=True)

    assert plain == {
        "id": job_id,
        "status": "success",
        "result": {"container": "inner", "output": {"n": 3}},
    }
    assert whole["intermediate"] == whole["intermediate_results"]
    assert whole["intermediate"] == [{"container": "tgi", "output": "draft"}]


async def test_no_ids_give_no_results_and_no_request(
    client: NodeClient, node: ScriptedNode
) -> None:
    assert await client.get_job_results([]) == []
    assert node.seen == []


async def test_ids_by_state(client: NodeClient, node: ScriptedNode) -> None:
    done = node.add_job(Outcome())
    running = node.add_job(Outcome(running_for=9))

    assert set(await client.get_jobs()) == {done, running}
    assert await client.get_jobs(pending=True) == [running]
    assert await client.get_jobs(pending=False) == [done]
    assert [seen.path_qs for seen in node.seen] == [
        "/api/jobs",
        "/api/jobs?pending=true",
        "/api/jobs?pending=false",
    ]


async def test_a_status_is_recorded(client: NodeClient, node: ScriptedNode) -> None:
    await client.record_status("job-9", "success", JOB)

    assert node.bodies("PUT", "/api/status") == [{"id": "job-9", "status": "success", **JOB}]


async def test_a_status_the_node_refuses_is_an_error(
    client: NodeClient, node: ScriptedNode
) -> None:
    refused = web.json_response({"error": "Unauthorized"}, status=403)
    node.answer_once("PUT", "/api/status", refused)

    with pytest.raises(APIError, match=r"^\[403\] Unauthorized$"):
        await client.record_status("job-9", "success", JOB)


async def test_a_refusal_keeps_status_message_and_params(client: NodeClient) -> None:
    with pytest.raises(APIError) as caught:
        await client.request_job("nope", {})

    error = caught.value
    assert (error.status_code, error.status) == (405, 405)
    assert error.message == "Container not supported"
    assert error.params == {"container": "nope"}
    assert str(error) == "[405] Container not supported - [container=nope]"


@pytest.mark.parametrize("route", ["/health", "/info", "/resources", "/api/jobs"])
async def test_every_get_raises_the_same_error(
    client: NodeClient, node: ScriptedNode, route: str
) -> None:
    node.answer_once("GET", route, web.json_response(["no object"], status=500))
    calls: dict[str, Callable[[], Awaitable[object]]] = {
        "/health": client.health,
        "/info": client.get_info,
        "/resources": client.get_resources,
        "/api/jobs": client.get_jobs,
    }

    with pytest.raises(APIError, match=r"^\[500\] Unknown error$"):
        await calls[route]()


async def test_a_body_that_is_not_json_is_quoted(client: NodeClient, node: ScriptedNode) -> None:
    page = web.Response(
        text="<h1>Too many</h1>" + "x" * 500, status=429, headers={"Retry-After": "7"}
    )
    node.answer_once("GET", "/api/jobs", page)

    with pytest.raises(APIError) as caught:
        await client.get_jobs()

    assert caught.value.status == 429
    assert caught.value.message == "<h1>Too many</h1>" + "x" * 183
    assert caught.value.retry_after == 7


@pytest.mark.parametrize(
    "answer", [web.Response(text="OK"), web.json_response({}), web.json_response([1])]
)
async def test_an_answer_without_a_job_id_is_an_error(
    client: NodeClient, node: ScriptedNode, answer: web.Response
) -> None:
    node.answer_once("POST", "/api/jobs", answer)

    with pytest.raises(APIError, match=r"^\[200\]"):
        await client.request_job(JOB)


async def test_an_answer_of_another_shape_is_an_error(
    client: NodeClient, node: ScriptedNode
) -> None:
    for method, path in (("GET", "/health"), ("GET", "/api/jobs"), ("POST", "/api/jobs/batch")):
        node.answer_once(method, path, web.json_response(["odd"]))

    with pytest.raises(APIError, match=r"^\[200\] unexpected answer: \['odd'\]$"):
        await client.health()
    with pytest.raises(APIError, match=r"^\[200\] unexpected answer"):
        await client.get_job_results(["1"])
    with pytest.raises(APIError, match=r"^\[200\] unexpected answer"):
        await client.request_jobs([JOB, JOB])


@pytest.mark.parametrize(
    ("route", "odd"),
    [
        *itertools.product(["/info", "/resources", "/api/jobs"], [[{"id": 7}], [1], "odd", None]),
        ("/info", {"status": "ok"}),
        ("/api/jobs", {"status": "ok"}),
    ],
)
async def test_an_answer_of_another_server_is_an_error(
    client: NodeClient, node: ScriptedNode, route: str, odd: Any
) -> None:
    calls: dict[str, list[Callable[[], Awaitable[object]]]] = {
        "/info": [client.get_info],
        "/resources": [client.get_resources, lambda: client.check_model_support("m")],
        "/api/jobs": [client.get_jobs, lambda: client.get_job_results(["1"])],
    }

    for call in calls[route]:
        node.answer_once("GET", route, web.json_response(odd))
        with pytest.raises(APIError, match=r"^\[200\] unexpected answer"):
            await call()


async def test_an_answer_nested_beyond_reading_is_quoted(
    client: NodeClient, node: ScriptedNode
) -> None:
    node.answer_once("GET", "/info", web.Response(text=100_000 * "["))

    with pytest.raises(APIError, match=r"^\[200\] \[{200}$"):
        await client.get_info()


async def test_a_node_that_does_not_answer_is_a_timeout(
    client: NodeClient, node: ScriptedNode
) -> None:
    node.answer_once("GET", "/health", never)

    with pytest.raises(TimeoutError, match=r"no answer to GET /health within 0\.05 s"):
        await client.health(0.05)


async def test_the_clients_own_timeout_replaces_defaults_but_not_the_calls(
    node: ScriptedNode,
) -> None:
    impatient = NodeClient(node.url, timeout=0.05)
    node.answer_once("POST", "/api/jobs", never)

    with pytest.raises(TimeoutError, match=r"within 0\.05 s"):
        await impatient.request_job(JOB)
    node.overrides.clear()  # the first request may not have come as far as the node
    assert await impatient.request_job(JOB, SECONDS)


async def test_a_get_is_repeated_when_the_connection_fails(node: ScriptedNode) -> None:
    async with NodeClient(node.url, retries=1) as patient:
        for _ in range(2):  # aiohttp itself repeats an idempotent request once
            node.answer_once("GET", "/api/jobs", hang_up)
        assert await patient.get_jobs() == []


async def test_a_post_is_never_repeated(node: ScriptedNode) -> None:
    async with NodeClient(node.url, retries=3) as patient:
        node.answer_once("POST", "/api/jobs", hang_up)

        with pytest.raises(aiohttp.ClientConnectionError):
            await patient.request_job(JOB)

    assert len(node.bodies("POST", "/api/jobs")) == 1


async def test_connections_are_pooled_within_a_context(node: ScriptedNode) -> None:
    async with NodeClient(node.url) as pooled:
        for _ in range(3):
            await pooled.health()
    assert len(node.connections) == 1

    for _ in range(2):
        await pooled.health()
    assert len(node.connections) == 3


async def test_a_client_is_opened_once(client: NodeClient) -> None:
    async with client:
        with pytest.raises(RuntimeError, match="the client is open already"):
            await client.__aenter__()


async def test_headers_go_with_every_request(node: ScriptedNode) -> None:
    client = NodeClient(node.url + "/", headers={"Authorization": "Bearer x"})

    await client.request_job(JOB)
    await client.get_jobs()

    assert [seen.headers["Authorization"] for seen in node.seen] == ["Bearer x"] * 2
    assert node.seen[0].path_qs == "/api/jobs"


async def test_a_proxy_gets_the_requests(node: ScriptedNode) -> None:
    client = NodeClient("http://node.invalid:4000", proxy=node.url)

    assert await client.health() is True
    assert node.seen[0].headers["Host"] == "node.invalid:4000"


@pytest.mark.parametrize("url", ["", "ftp://node", "http://", "http://[", "  "])
def test_a_base_url_that_is_none_is_refused(url: str) -> None:
    with pytest.raises(ValueError, match="base_url: not an HTTP address"):
        NodeClient(url)


def test_numbers_out_of_range_are_refused() -> None:
    with pytest.raises(ValueError, match="retries: must be 0 or more"):
        NodeClient("http://node", retries=-1)
    for timeout in (0, -1, float("nan")):
        with pytest.raises(ValueError, match="timeout: must be above 0"):
            NodeClient("http://node", timeout=timeout)


def test_a_scheme_may_be_left_out() -> None:
    assert NodeClient("127.0.0.1:4000/").base_url == "http://127.0.0.1:4000"
