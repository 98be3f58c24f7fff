"""Both generations of call shapes end in the same request; a mixture never becomes one."""

from typing import Any

import pytest

from infernet_client.call_shapes import job_call
from infernet_client.node import NodeClient
from test.client.scripted_node import ScriptedNode

JOB = {"containers": ["tgi"], "data": {"text": "?"}}
PROVEN = {**JOB, "requires_proof": False}


@pytest.mark.parametrize(
    ("args", "keywords", "job", "timeout"),
    [
        ((JOB,), {}, JOB, None),
        ((JOB, 10), {}, JOB, 10),
        ((JOB,), {"timeout": 2.5}, JOB, 2.5),
        ((), {"job": PROVEN}, PROVEN, None),
        (("tgi", {"text": "?"}), {}, JOB, None),
        ((["tgi"], {"text": "?"}), {"timeout": 3}, JOB, 3),
        ((("tgi",),), {"data": {"text": "?"}}, JOB, None),
        ((), {"containers": "tgi", "data": {"text": "?"}}, JOB, None),
        (("tgi", {"text": "?"}), {"requires_proof": False}, PROVEN, None),
        (("tgi, inner", {}), {}, {"containers": ["tgi", "inner"], "data": {}}, None),
    ],
)
def test_accepted_shapes(
    args: tuple[Any, ...], keywords: dict[str, Any], job: Any, timeout: float | None
) -> None:
    call = job_call(args, keywords)

    assert call.job == job
    assert call.timeout == timeout


@pytest.mark.parametrize(
    ("args", "keywords", "problem"),
    [
        ((), {}, "containers and data are both needed"),
        (("tgi",), {}, "containers and data are both needed"),
        (("tgi", "text"), {}, "data is of type str, not a mapping"),
        (("tgi", {}, 10), {}, "3 positional arguments"),
        (("tgi", {}), {"job": JOB}, "job is given beside containers or data"),
        (("tgi", {}), {"data": {}}, "data is given twice"),
        ((JOB, {"text": "?"}), {}, "timeout is of type dict"),
        ((JOB, True), {}, "timeout is of type bool"),
        ((JOB,), {"data": {}}, "data is given beside a whole job"),
        ((JOB,), {"job": JOB}, "job is given twice"),
        (({"data": {}},), {}, "a job must be a mapping with the keys containers and data"),
        ((), {"job": "tgi"}, "a job must be a mapping with the keys containers and data"),
        ((5, {}), {}, "containers is of type int, not a name or a list of names"),
        (([5], {}), {}, "containers is of type list, not a name or a list of names"),
        (("tgi", {}), {"requires_proof": "yes"}, "requires_proof is of type str, not a bool"),
        (("tgi", {}), {"retries": 1}, "unknown argument 'retries'"),
    ],
)
async def test_any_other_mixture_is_refused_before_any_request(
    client: NodeClient,
    node: ScriptedNode,
    args: tuple[Any, ...],
    keywords: dict[str, Any],
    problem: str,
) -> None:
    untyped: Any = client

    with pytest.raises(TypeError, match=rf"^{problem}.*; expected \(job: JobRequest"):
        await untyped.request_job(*args, **keywords)
    for stream in (untyped.request_stream, untyped.stream_text):
        with pytest.raises(TypeError, match="expected"):
            stream(*args, **keywords)

    assert node.seen == []


async def test_the_shape_of_the_guides_sample_reaches_the_node(
    client: NodeClient, node: ScriptedNode
) -> None:
    await client.request_job("tgi", {"text": "?"})
    await client.request_job(JOB)  # type: ignore[call-overload]
    async for _ in client.request_stream("tgi", {"text": "?"}, timeout=5):
        pass

    assert [seen.body for seen in node.seen] == [JOB] * 3
