"""The types of jobs have the fields that the user's document prints."""

from typing import Any, get_type_hints

import pytest

from infernet_client.node import NodeClient
from infernet_client.types import (
    ContainerError,
    ContainerOutput,
    ContainerResult,
    JobRequest,
    JobResult,
    JobStatus,
)
from test.client.scripted_node import Outcome, ScriptedNode


@pytest.mark.parametrize(
    ("kind", "required", "optional"),
    [
        (
            JobRequest,
            {"containers": list[str], "data": dict[str, Any]},
            {"requires_proof": bool | None},
        ),
        (
            JobResult,
            {"id": str, "status": JobStatus, "result": ContainerResult | None},
            {"intermediate": list[ContainerResult]},
        ),
        (ContainerOutput, {"container": str, "output": Any}, {}),
        (ContainerError, {"container": str, "error": str}, {}),
    ],
)
def test_fields(kind: Any, required: dict[str, Any], optional: dict[str, Any]) -> None:
    hints = get_type_hints(kind)

    assert {name: hints[name] for name in kind.__required_keys__} == required
    for name, hint in optional.items():
        assert name in kind.__optional_keys__
        assert hints[name] == hint


async def test_a_job_is_made_with_or_without_a_proof(
    client: NodeClient, node: ScriptedNode
) -> None:
    await client.request_job(JobRequest(containers=["tgi"], data={"text": "?"}))
    await client.request_job(
        JobRequest(containers=["tgi"], data={"text": "?"}, requires_proof=False)
    )

    without, with_it = node.bodies("POST", "/api/jobs")
    assert without == {"containers": ["tgi"], "data": {"text": "?"}}
    assert with_it == {**without, "requires_proof": False}


async def test_a_finished_job_has_exactly_the_fields(
    client: NodeClient, node: ScriptedNode
) -> None:
    steps = [{"container": "tgi", "output": {"output": "Yes"}}]
    job_id = node.add_job(Outcome({"n": 1}, intermediate=steps), container="inner")

    (plain,) = await client.get_job_results([job_id])
    (whole,) = await client.get_job_results([job_id], intermediate=True)

    assert plain == {
        "id": job_id,
        "status": "success",
        "result": {"container": "inner", "output": {"n": 1}},
    }
    assert [step["container"] for step in whole["intermediate"]] == ["tgi"]
    assert whole["intermediate"][0]["output"] == "Yes"  # type: ignore[typeddict-item]
