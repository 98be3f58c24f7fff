"""The synchronous face: the same calls, also inside a running loop as in a notebook."""

import gc
import threading

import pytest

from infernet_client import SyncNodeClient
from infernet_client.error import APIError
from infernet_client.types import JobRequest
from test.client.scripted_node import INFO, RESOURCES, Outcome, ScriptedNode

JOB: JobRequest = {"containers": ["tgi"], "data": {"text": "?"}}


def test_every_method(node: ScriptedNode) -> None:
    with SyncNodeClient(node.url) as client:
        assert client.health()
        assert client.get_info() == INFO
        assert client.get_resources() == RESOURCES
        assert not client.check_model_support("x")["tgi"]["supported"]
        job_id = client.request_job("tgi", {"text": "?"})
        assert client.get_jobs() == [job_id]
        for result in (
            client.get_job_result_sync(job_id),
            client.wait_for_job(job_id),
            client.get_job_results([job_id])[0],
            client.run(JOB),
            *client.wait_for_jobs([job_id]),
        ):
            assert result is not None
            assert result["status"] == "success"
        assert "id" in client.request_jobs([JOB])[0]
        client.record_status("job-9", "failed", JOB)

    assert len(node.connections) == 1


def test_streams(node: ScriptedNode) -> None:
    with SyncNodeClient(node.url) as client:
        job_id, *chunks = client.request_stream(JOB)
        text = "".join(client.stream_text("tgi", {"text": "?"}))

    assert isinstance(job_id, str)
    assert b"".join(chunks) == b"Yes, and well."  # type: ignore[arg-type]
    assert text == "Yes, and well."


def test_errors_come_through(node: ScriptedNode) -> None:
    node.outcome = Outcome(running_for=9)
    with SyncNodeClient(node.url) as client:
        with pytest.raises(APIError, match="Container not supported"):
            client.request_job("nope", {})
        with pytest.raises(TypeError, match="expected"):
            client.stream_text("tgi")
        with pytest.raises(TimeoutError, match="not available after 1 retries"):
            client.get_job_result_sync(client.request_job(JOB), retries=1)


async def test_it_works_where_a_loop_is_running(node: ScriptedNode) -> None:
    with SyncNodeClient(node.url) as client:
        assert client.health()


def test_without_a_context_nothing_is_left_behind(node: ScriptedNode) -> None:
    client = SyncNodeClient(node.url)
    assert client.health()
    threads = {thread for thread in threading.enumerate() if thread.name == "infernet-client"}
    assert threads

    del client
    gc.collect()

    assert not any(thread.is_alive() for thread in threads)


def test_a_client_that_is_closed_says_so(node: ScriptedNode) -> None:
    client = SyncNodeClient(node.url)
    stream = client.request_stream(JOB)
    next(stream)
    client.close()

    with pytest.raises(RuntimeError, match="the client is closed"):
        client.health()
    with pytest.raises(RuntimeError, match="the client is closed"):
        next(stream)


def test_a_stream_may_be_left_to_the_garbage_collector_of_any_thread(node: ScriptedNode) -> None:
    async def collect() -> None:
        gc.collect()

    with SyncNodeClient(node.url) as client:
        stream = client.request_stream(JOB)
        next(stream)
        cycle: list[object] = [stream]
        cycle.append(cycle)
        del stream, cycle

        client._loop.run(collect())

        assert client.health()
