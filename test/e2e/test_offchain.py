"""People without a chain: the curl line of the guide, and what hangs on it."""

import json
import subprocess

import pytest
import requests

from scripts.deployment import CONTAINER
from scripts.stack import Stack
from test.e2e.conftest import eventually, finished_job
from test.support.mock_tgi import Behaviour, MockTGI

QUESTION = "Can shrimp actually fry rice fr?"
REFUSED = Behaviour(
    status=422,
    body={"error": "Input validation error: not today", "error_type": "validation"},
)


def job(text: str) -> dict[str, object]:
    return {"containers": [CONTAINER], "data": {"text": text}}


def test_the_curl_line_of_the_documentation(stack: Stack, tgi: MockTGI) -> None:
    body = '{"containers": ["SERVICE_NAME"], "data": {"text": "Can shrimp actually fry rice fr?"}}'
    done = subprocess.run(
        [
            *("curl", "--silent", "-X", "POST", f"{stack.node_url}/api/jobs"),
            *("-H", "Content-Type: application/json"),
            *("-d", body.replace("SERVICE_NAME", CONTAINER)),
        ],
        capture_output=True,
        check=True,
    )
    job_id = json.loads(done.stdout)["id"]

    result = finished_job(stack, job_id)

    direct = requests.post(
        f"{tgi.url}/generate",
        json={"inputs": QUESTION, "parameters": {"max_new_tokens": 64}},
        timeout=5,
    ).json()
    assert result == {
        "id": job_id,
        "status": "success",
        "result": {"container": CONTAINER, "output": {"output": direct["generated_text"]}},
    }


def test_both_logs_name_a_job_by_the_same_id(stack: Stack, tgi: MockTGI) -> None:
    job_id = requests.post(f"{stack.node_url}/api/jobs", json=job(QUESTION), timeout=5).json()["id"]
    assert finished_job(stack, job_id)["status"] == "success"

    def line(process: str, event: str, key: str) -> dict[str, object]:
        def logged() -> dict[str, object] | None:
            lines = map(json.loads, stack.processes[process].log.read_text().splitlines())
            found = (each for each in lines if each.get("event") == event)
            return next((each for each in found if each.get(key) == job_id), None)

        found = eventually(logged, f"{event} {job_id} in the log of {process}")
        assert found is not None
        return found

    assert line("node", "job_finished", "job_id")["status"] == "success"
    assert line("service", "job", "id")["source"] == "offchain"


def test_a_stream_begins_with_the_job_id_and_arrives_as_it_is_made(
    stack: Stack, tgi: MockTGI
) -> None:
    tokens = ("One", " two", " three", "</s>")
    tgi.script(Behaviour(token_texts=tokens, after=1, then="hold"))
    with requests.post(
        f"{stack.node_url}/api/jobs/stream", json=job(QUESTION), stream=True, timeout=20
    ) as response:
        assert response.status_code == 200
        pieces, received = response.iter_content(None), b""
        while not received.endswith(b"One"):
            received += next(pieces)
        # The rest is made only now.
        tgi.release()
        received += b"".join(pieces)
    job_id, _, text = received.partition(b"\n")
    assert text == b"One two three"
    assert finished_job(stack, job_id.decode())["result"]["output"] == {"output": "One two three"}


def test_a_stream_that_tgi_cuts_is_a_broken_transfer_and_a_failed_job(
    stack: Stack, tgi: MockTGI
) -> None:
    tgi.script(Behaviour(token_texts=("One", " two", " three"), after=2, then="end"))
    received: list[bytes] = []
    with (
        requests.post(
            f"{stack.node_url}/api/jobs/stream", json=job(QUESTION), stream=True, timeout=20
        ) as response,
        pytest.raises(requests.exceptions.ChunkedEncodingError),
    ):
        received.extend(response.iter_content(None))
    job_id, _, _ = b"".join(received).partition(b"\n")
    assert finished_job(stack, job_id.decode())["status"] == "failed"


def test_a_refused_job_fails_with_the_reason(stack: Stack, tgi: MockTGI) -> None:
    tgi.script(REFUSED)
    job_id = requests.post(f"{stack.node_url}/api/jobs", json=job(QUESTION), timeout=5).json()["id"]
    assert finished_job(stack, job_id) == {
        "id": job_id,
        "status": "failed",
        "result": {"container": CONTAINER, "error": "Input validation error: not today"},
    }
    assert requests.get(f"{stack.node_url}/health", timeout=5).json() == {"status": "healthy"}


def test_a_job_accepted_before_a_kill_is_finished_after_it(stack: Stack, tgi: MockTGI) -> None:
    tgi.script(Behaviour(hold=True))
    job_id = requests.post(f"{stack.node_url}/api/jobs", json=job(QUESTION), timeout=5).json()["id"]
    tgi.wait_for(lambda server: len(server.generations) == 1, 30)
    stack.processes["node"].kill()
    tgi.release()
    stack.start_node()
    assert finished_job(stack, job_id)["status"] == "success"


def test_info_names_container_and_account(stack: Stack) -> None:
    info = requests.get(f"{stack.node_url}/info", timeout=5).json()
    assert [container["id"] for container in info["containers"]] == [CONTAINER]
    assert info["chain"] == {
        "enabled": True,
        "address": "0x70997970C51812dc3A010C7d01b50e0d17dc79C8",
    }
