"""Containers one after the other, and every way in which one can fail."""

import asyncio
from collections.abc import AsyncIterator
from typing import Any

import pytest
from aiohttp import web

from infernet_node.config import ContainerConfig
from infernet_node.containers.calls import ContainerCallError, ContainerClient
from infernet_node.containers.endpoint import endpoints_of
from infernet_node.pipeline import Pipeline, PipelineOutcome
from infernet_protocol.messages import ContainerOutput, ContainerResult, JobLocation
from test.support.container import Answer, ScriptedContainer, answering, streaming

ONE_KIB = 1024
IMPATIENT: dict[str, dict[str, float]] = {
    "slow": {"answer": 0.2},
    "pausing": {"stream_idle": 0.1},
    "dripping": {"stream": 0.3},
}
"""Containers with one short timeout each, so that no other one can come before it."""


@pytest.fixture
async def pipeline(
    container: ScriptedContainer, second: ScriptedContainer
) -> AsyncIterator[Pipeline]:
    """``a`` and ``b`` run, nothing listens at ``gone``, answers may have 1 KiB.

    The impatient ones are where ``a`` is.
    """
    containers = [
        ContainerConfig(id="a", url=container.url),
        ContainerConfig(id="b", url=second.url + "/"),
        ContainerConfig(id="gone", url="http://127.0.0.1:9"),
        *(
            ContainerConfig.model_validate({"id": id, "url": container.url, "timeouts": timeouts})
            for id, timeouts in IMPATIENT.items()
        ),
    ]
    client = await ContainerClient.open(max_answer_bytes=ONE_KIB)
    yield Pipeline(endpoints_of(containers, None), client)
    await client.close()


async def run(
    pipeline: Pipeline, *containers: str, destination: JobLocation = JobLocation.OFFCHAIN
) -> PipelineOutcome:
    return await pipeline.run(
        containers,
        source=JobLocation.OFFCHAIN,
        data={"x": 1},
        destination=destination,
        requires_proof=False,
        request_id="job-1",
    )


async def never(_request: web.Request) -> web.StreamResponse:
    await asyncio.Event().wait()
    raise AssertionError


async def dropping(request: web.Request) -> web.StreamResponse:
    assert request.transport is not None
    request.transport.abort()
    raise web.HTTPInternalServerError


class TestQuestions:
    async def test_on_chain(
        self, pipeline: Pipeline, container: ScriptedContainer, second: ScriptedContainer
    ) -> None:
        container.answer = answering({"output": "abc"})
        outcome = await pipeline.run(
            ["a", "b"],
            source=JobLocation.ONCHAIN,
            data="616263",
            destination=JobLocation.ONCHAIN,
            requires_proof=True,
            request_id="17/1",
        )
        assert [h["X-Request-ID"] for h in container.headers + second.headers] == 2 * ["17/1"]

        assert container.questions == [
            {"source": 0, "destination": 1, "data": "616263", "requires_proof": True}
        ]
        assert second.questions == [
            {"source": 1, "destination": 0, "data": {"output": "abc"}, "requires_proof": True}
        ]
        assert outcome.answer == {"output": {"output": "abc"}}
        assert outcome.error is None

    async def test_any_json_can_be_an_answer(
        self, pipeline: Pipeline, container: ScriptedContainer, second: ScriptedContainer
    ) -> None:
        answers: list[Any] = [[1, 2], "text", 5, None, False, {}]
        for answer in answers:
            container.answer = answering(answer)
            outcome = await run(pipeline, "a", "b")
            assert outcome.results[0] == {"container": "a", "output": answer}
            assert second.questions[-1]["data"] == answer

    async def test_json_of_another_content_type_is_taken(
        self, pipeline: Pipeline, container: ScriptedContainer
    ) -> None:
        container.answer = answering(text='{"n": 1}')
        assert (await run(pipeline, "a")).answer == {"n": 1}


class TestRecorded:
    async def test_recorded_answers_are_not_computed_again(
        self, pipeline: Pipeline, container: ScriptedContainer, second: ScriptedContainer
    ) -> None:
        outcome = await pipeline.run(
            ["a", "b"],
            source=JobLocation.OFFCHAIN,
            data={"x": 1},
            destination=JobLocation.OFFCHAIN,
            requires_proof=False,
            request_id="job-1",
            recorded=[ContainerOutput(container="a", output="kept")],
        )

        assert container.questions == []
        assert second.questions[0]["data"] == "kept"
        assert [r["container"] for r in outcome.results] == ["a", "b"]

    async def test_each_answer_but_the_last_is_told_before_the_next_question(
        self, pipeline: Pipeline, second: ScriptedContainer
    ) -> None:
        told: list[tuple[int, int]] = []

        async def on_result(results: list[ContainerResult]) -> None:
            told.append((len(results), len(second.questions)))

        await pipeline.run(
            ["a", "b", "a"],
            source=JobLocation.OFFCHAIN,
            data={},
            destination=JobLocation.OFFCHAIN,
            requires_proof=False,
            request_id="job-1",
            on_result=on_result,
        )
        assert told == [(1, 0), (2, 1)]


class TestFailures:
    @pytest.mark.parametrize(
        ("answer", "error"),
        [
            (
                answering({"code": "500", "name": "X", "description": " no model "}, status=500),
                "no model",
            ),
            (answering({"error": "busy"}, status=503), "busy"),
            (answering({"description": ""}, status=400), "Container answered with HTTP status 400"),
            (answering([1], status=500), "Container answered with HTTP status 500"),
            (
                answering(text="<html>at http://10.0.0.5:3000</html>", status=502),
                "Container answered with HTTP status 502",
            ),
            (answering({"ok": 1}, status=302), "Container answered with HTTP status 302"),
            (answering(text="hello"), "Container did not answer with JSON"),
            (
                answering(text='{"n": 1e999}', content_type="application/json"),
                "Container did not answer with JSON",
            ),
            (answering("x" * 2 * ONE_KIB), "Container answered more than 1024 bytes"),
            (dropping, "Container broke off the connection before its answer was complete"),
        ],
    )
    async def test_w_10_answers_that_are_none(
        self, pipeline: Pipeline, container: ScriptedContainer, answer: Answer, error: str
    ) -> None:
        container.answer = answer
        outcome = await run(pipeline, "a", "b")

        assert outcome.results == [{"container": "a", "error": error}]
        assert outcome.error == error
        assert outcome.answer is None

    @pytest.mark.parametrize(
        ("status", "refused"),
        [(400, True), (413, True), (422, True), (401, False), (404, False), (429, False)],
    )
    async def test_a_question_found_at_fault_is_told_from_one_to_ask_again(
        self, pipeline: Pipeline, container: ScriptedContainer, status: int, refused: bool
    ) -> None:
        container.answer = answering({"description": "text: too long"}, status=status)
        outcome = await run(pipeline, "a")

        assert outcome.error == "text: too long"
        assert outcome.refused is refused

    async def test_a_question_is_not_passed_on_to_another_server(
        self, pipeline: Pipeline, container: ScriptedContainer, second: ScriptedContainer
    ) -> None:
        async def redirect(_request: web.Request) -> web.StreamResponse:
            raise web.HTTPTemporaryRedirect(second.url + "/service_output")

        container.answer = redirect
        assert (await run(pipeline, "a")).error == "Container answered with HTTP status 307"
        assert second.questions == []

    async def test_w_46_nothing_listens(self, pipeline: Pipeline) -> None:
        assert (await run(pipeline, "gone")).error == "Container could not be reached"

    async def test_w_11_an_answer_that_does_not_come(
        self, pipeline: Pipeline, container: ScriptedContainer
    ) -> None:
        container.answer = never
        assert (await run(pipeline, "slow")).error == "Container timed out after 0.2 s"

    async def test_a_container_that_is_no_longer_configured(self, pipeline: Pipeline) -> None:
        assert (await run(pipeline, "old")).error == "Container is no longer configured"


class TestErrorCodes:
    @pytest.mark.parametrize(
        ("answer", "error"),
        [
            ({"code": "500", "description": "bad input"}, "bad input"),
            ({"code": "500"}, "Container answered with error code 500"),
            ({"code": 200}, "Container answered with error code 200"),
            ({"code": "200", "output": 1}, None),
            ({"code": None, "output": 1}, None),
            ({"output": 1}, None),
            ([], None),
        ],
    )
    async def test_on_chain(
        self, pipeline: Pipeline, container: ScriptedContainer, answer: Any, error: str | None
    ) -> None:
        container.answer = answering(answer)
        outcome = await run(pipeline, "a", destination=JobLocation.ONCHAIN)
        assert outcome.error == error

    async def test_an_off_chain_answer_may_speak_of_code(
        self, pipeline: Pipeline, container: ScriptedContainer
    ) -> None:
        container.answer = answering({"code": "print(1)"})
        assert (await run(pipeline, "a")).answer == {"code": "print(1)"}


class TestStreams:
    async def collect(self, pipeline: Pipeline, container: str) -> bytes:
        return b"".join([piece async for piece in pipeline.stream(container, {}, "job-1")])

    async def test_a_pause_too_long(self, pipeline: Pipeline, container: ScriptedContainer) -> None:
        container.answer = never
        with pytest.raises(ContainerCallError, match=r"Container sent nothing for 0\.1 s"):
            await self.collect(pipeline, "pausing")

    async def test_a_stream_too_long(
        self, pipeline: Pipeline, container: ScriptedContainer
    ) -> None:
        async def drip(request: web.Request) -> web.StreamResponse:
            response = web.StreamResponse()
            await response.prepare(request)
            while True:
                await response.write(b"x")
                await asyncio.sleep(0.02)

        container.answer = drip
        with pytest.raises(ContainerCallError, match=r"Container timed out after 0\.3 s"):
            await self.collect(pipeline, "dripping")

    async def test_too_many_bytes(self, pipeline: Pipeline, container: ScriptedContainer) -> None:
        container.answer = streaming(b"x" * ONE_KIB, b"x")
        with pytest.raises(ContainerCallError, match="Container answered more than 1024 bytes"):
            await self.collect(pipeline, "a")


class TestAddresses:
    def test_on_the_host(self) -> None:
        endpoint = endpoints_of([ContainerConfig(id="a", port=3001)], None)["a"]
        assert str(endpoint.service_output) == "http://localhost:3001/service_output"

    def test_from_within_docker(self) -> None:
        endpoint = endpoints_of([ContainerConfig(id="a", port=3001)], "docker")["a"]
        assert str(endpoint.service_output) == "http://host.docker.internal:3001/service_output"

    def test_a_url_wins(self) -> None:
        config = ContainerConfig(id="a", port=3001, url="https://gpu.example.org/tgi/")
        endpoint = endpoints_of([config], "docker")["a"]
        assert str(endpoint.service_output) == "https://gpu.example.org/tgi/service_output"
        assert str(endpoint.service_resources) == "https://gpu.example.org/tgi/service-resources"

    def test_no_secret_in_its_repr(self) -> None:
        config = ContainerConfig.model_validate({"id": "a", "bearer": "s3cret"})
        assert "s3cret" not in repr(endpoints_of([config], None)["a"])
