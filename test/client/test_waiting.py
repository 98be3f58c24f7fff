"""Waiting for results: patient, sparing, and honest about failed and unknown jobs."""

import pytest
from aiohttp import web

from infernet_client.error import APIError, JobNotFoundError
from infernet_client.node import NodeClient
from test.client.scripted_node import Outcome, ScriptedNode
from test.support.waiting import SECONDS


async def test_the_result_in_the_guides_sample_is_a_string(client: NodeClient) -> None:
    job_id = await client.request_job("tgi", {"text": "Can shrimp actually fry rice fr?"})

    finished = await client.get_job_result_sync(job_id)

    assert finished is not None
    result: str = finished["result"]["output"]  # type: ignore[index, typeddict-item]
    assert isinstance(result, str)
    assert result == "Yes, and well."
    assert result["output"] == "Yes, and well."  # type: ignore[index]


async def test_it_looks_until_the_job_is_done(client: NodeClient, node: ScriptedNode) -> None:
    job_id = node.add_job(Outcome(running_for=2))

    result = await client.get_job_result_sync(job_id, 3, poll=0.01)

    assert result is not None
    assert result["status"] == "success"
    assert len(node.seen) == 3


async def test_a_job_that_runs_on_is_a_timeout(client: NodeClient, node: ScriptedNode) -> None:
    job_id = node.add_job(Outcome(running_for=9))

    with pytest.raises(TimeoutError, match="Job result not available after 2 retries"):
        await client.get_job_result_sync(job_id, retries=2, poll=0.01)

    assert len(node.seen) == 2


async def test_no_retries_is_a_timeout_without_a_look(
    client: NodeClient, node: ScriptedNode
) -> None:
    with pytest.raises(TimeoutError, match="Job result not available after 0 retries"):
        await client.get_job_result_sync("any", retries=0)

    assert node.seen == []


async def test_an_unknown_job_is_none_at_once(client: NodeClient, node: ScriptedNode) -> None:
    assert await client.get_job_result_sync("unknown") is None
    assert await client.wait_for_job("unknown") is None
    assert len(node.seen) == 2


async def test_a_failed_job_is_returned(client: NodeClient, node: ScriptedNode) -> None:
    job_id = node.add_job(Outcome(error="TGI is overloaded"))

    for result in (await client.get_job_result_sync(job_id), await client.wait_for_job(job_id)):
        assert result is not None
        assert result["status"] == "failed"
        assert result["result"] == {"container": "tgi", "error": "TGI is overloaded"}


async def test_wait_for_job_outlives_a_node_that_is_away(
    client: NodeClient, node: ScriptedNode
) -> None:
    async def hang_up(request: web.Request) -> web.StreamResponse:
        assert request.transport is not None
        request.transport.close()
        return web.Response()

    job_id = node.add_job(Outcome(running_for=1))
    node.answer_once("GET", "/api/jobs", web.Response(status=503))
    node.answer_once("GET", "/api/jobs", hang_up)
    node.answer_once("GET", "/api/jobs", hang_up)
    node.answer_once("GET", "/api/jobs", web.Response(status=429, headers={"Retry-After": "0"}))

    result = await client.wait_for_job(job_id, deadline=SECONDS, poll=0.01)

    assert result is not None
    assert result["status"] == "success"


async def test_wait_for_job_gives_up_at_once_on_a_refusal(
    client: NodeClient, node: ScriptedNode
) -> None:
    node.answer_once("GET", "/api/jobs", web.json_response({"error": "no"}, status=403))

    with pytest.raises(APIError, match=r"\[403\] no"):
        await client.wait_for_job("any", poll=0.01)


async def test_wait_for_job_does_not_wait_beyond_its_deadline(
    client: NodeClient, node: ScriptedNode
) -> None:
    job_id = node.add_job(Outcome(running_for=10_000))

    with pytest.raises(TimeoutError, match=rf"Job {job_id} is still running after 0\.1 s"):
        await client.wait_for_job(job_id, deadline=0.1, poll=0.01)

    # 0.01, 0.015, 0.0225, ... : growing distances, no hammering
    assert 1 <= len(node.seen) <= 6


async def test_a_pause_that_the_node_asks_for_beyond_the_deadline_ends_the_wait(
    client: NodeClient, node: ScriptedNode
) -> None:
    node.answer_once("GET", "/api/jobs", web.Response(status=429, headers={"Retry-After": "60"}))

    with pytest.raises(TimeoutError, match=r"the node is out of reach \(\[429\].*after 1 s"):
        await client.wait_for_job("any", deadline=1, poll=0.01)


async def test_several_jobs_are_waited_for_with_one_look_at_all(
    client: NodeClient, node: ScriptedNode
) -> None:
    quick, slow, failed = (
        node.add_job(outcome)
        for outcome in (Outcome(), Outcome(running_for=2), Outcome(error="no"))
    )

    results = await client.wait_for_jobs([slow, "gone", quick, failed, slow], poll=0.01)

    states = [result and result["status"] for result in results]
    assert states == ["success", None, "success", "failed", "success"]
    assert [seen.path_qs.count("id=") for seen in node.seen] == [4, 1, 1]


async def test_jobs_that_run_on_are_returned_as_they_are(
    client: NodeClient, node: ScriptedNode
) -> None:
    done, running = node.add_job(Outcome()), node.add_job(Outcome(running_for=99))

    results = await client.wait_for_jobs([done, running], deadline=0.01, poll=0.02)

    assert [result and result["status"] for result in results] == ["success", "running"]


async def test_many_ids_make_several_requests(client: NodeClient, node: ScriptedNode) -> None:
    ids = [node.add_job(Outcome()) for _ in range(201)]

    results = await client.get_job_results(ids)

    assert [result["id"] for result in results] == ids
    assert [seen.path_qs.count("id=") for seen in node.seen] == [100, 100, 1]


async def test_run_is_request_and_wait(client: NodeClient, node: ScriptedNode) -> None:
    node.outcome = Outcome(running_for=1)

    result = await client.run("tgi", {"text": "?"})

    assert result["status"] == "success"
    assert node.bodies("POST", "/api/jobs") == [{"containers": ["tgi"], "data": {"text": "?"}}]


async def test_run_says_when_the_node_forgot_the_job(
    client: NodeClient, node: ScriptedNode
) -> None:
    node.answer_once("POST", "/api/jobs", web.json_response({"id": "gone"}))

    with pytest.raises(JobNotFoundError, match="Job not found: gone"):
        await client.run({"containers": ["tgi"], "data": {}})


async def test_raw_results_are_wire_data(node: ScriptedNode) -> None:
    job_id = node.add_job(Outcome())
    raw = NodeClient(node.url, raw_results=True)

    (result,) = await raw.get_job_results([job_id], intermediate=True)

    assert result == {
        "id": job_id,
        "status": "success",
        "result": {"container": "tgi", "output": {"output": "Yes, and well."}},
        "intermediate_results": [],
    }
