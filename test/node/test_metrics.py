"""What Prometheus reads: figures that grow by what happened, and who may see them."""

from pathlib import Path

import pytest
from prometheus_client.parser import text_string_to_metric_families

from infernet_node.metrics import PREFIX
from test.node.conftest import CONTAINERS
from test.support.container import ScriptedContainer, answering, streaming
from test.support.node import NodeUnderTest, running_node

DOCUMENT = Path(__file__).parents[2] / "docs" / "node.md"


async def scraped(node: NodeUnderTest) -> str:
    async with node.session.get(f"{node.url}/metrics") as response:
        assert response.status == 200
        assert response.content_type == "text/plain"
        return await response.text()


async def value(node: NodeUnderTest, name: str, **labels: str) -> float:
    for family in text_string_to_metric_families(await scraped(node)):
        for sample in family.samples:
            if sample.name == name and sample.labels == labels:
                return sample.value
    return 0.0


async def test_w_49_jobs_and_calls_by_outcome(
    node: NodeUnderTest, second: ScriptedContainer
) -> None:
    second.answer = answering({"error": "no"}, status=500)
    await node.result(await node.submit("one"))
    await node.result(await node.submit("one", "two"))

    assert await value(node, "infernet_jobs_accepted_total", kind="job") == 2
    for status in ("success", "failed"):
        assert await value(node, "infernet_jobs_finished_total", kind="job", status=status) == 1
    calls = "infernet_container_calls_total"
    assert await value(node, calls, container="one", outcome="computed") == 2
    assert await value(node, calls, container="two", outcome="failed") == 1
    assert await value(node, calls, container="two", outcome="computed") == 0
    assert await value(node, "infernet_job_duration_seconds_count", kind="job") == 2


async def test_streams(node: NodeUnderTest, container: ScriptedContainer) -> None:
    container.answer = streaming(b"a", b"b")
    body = {"containers": ["one"], "data": {}}
    async with node.session.post(f"{node.url}/api/jobs/stream", json=body) as response:
        await response.read()

    finished = "infernet_jobs_finished_total"
    assert await value(node, finished, kind="stream", status="success") == 1


async def test_reports_count_once(node: NodeUnderTest) -> None:
    for _ in range(2):
        report = {"id": "job-9", "status": "success", "containers": ["one"]}
        assert (await node.put("/api/status", report))[0] == 200

    finished = "infernet_jobs_finished_total"
    assert await value(node, finished, kind="reported", status="success") == 1


async def test_requests_by_route_and_status(node: NodeUnderTest) -> None:
    await node.get("/health")
    await node.post("/api/jobs", {"containers": ["none"], "data": {}})

    requests = "infernet_http_requests_total"
    assert await value(node, requests, route="GET /health", status="200") == 1
    assert await value(node, requests, route="POST /api/jobs", status="405") == 1


async def test_gauges(node: NodeUnderTest) -> None:
    assert await value(node, "infernet_container_up", container="one") == 1
    assert await value(node, "infernet_jobs_running") == 0
    assert await value(node, "infernet_jobs_pending_limit") == 4096


async def test_every_figure_has_the_prefix_and_is_documented(node: NodeUnderTest) -> None:
    documented = DOCUMENT.read_text()
    for family in text_string_to_metric_families(await scraped(node)):
        assert family.name.startswith(f"{PREFIX}_")
        process = family.name.startswith(f"{PREFIX}_process_")
        created = family.name.endswith("_created")
        # A counter is documented by the name that it is read by.
        names = (f"`{family.name}`", f"`{family.name}_total`")
        assert process or created or any(n in documented for n in names), family.name


@pytest.mark.parametrize(("networks", "status"), [(["10.0.0.0/8"], 403), (["127.0.0.1"], 200)])
async def test_w_56_figures_are_for_operators(
    tmp_path: Path, networks: list[str], status: int
) -> None:
    config = {"containers": CONTAINERS, "server": {"operator_ips": networks}}
    async with (
        running_node(config, tmp_path) as node,
        node.session.get(f"{node.url}/metrics") as response,
    ):
        assert response.status == status
