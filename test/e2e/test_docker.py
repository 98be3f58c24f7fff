"""Managed containers on a real Docker Engine, with an image made here."""

from collections.abc import AsyncIterator, Awaitable
from http import HTTPStatus
from pathlib import Path
from typing import Any
from uuid import uuid4

import aiodocker
import aiohttp
import pytest
from aiodocker.exceptions import DockerError

from scripts.processes import free_port
from test.support.image_registry import ImageRegistry
from test.support.node_process import NodeProcess, configure, started
from test.support.real_docker import APPLETS, archive, build, files


@pytest.fixture
async def image(docker: aiodocker.Docker) -> AsyncIterator[str]:
    """An image that this engine has and no registry knows."""
    name = f"infernet-test-{uuid4().hex[:8]}/words:1"
    await build(docker, name)
    yield name
    for made in (name, f"{name}-base"):
        await docker.images.delete(made, force=True)


@pytest.fixture
async def container(docker: aiodocker.Docker, image: str) -> AsyncIterator[str]:
    """A name for a container, which is gone afterwards."""
    name = f"infernet-test-{uuid4().hex[:8]}"
    yield name
    await gone(docker.containers.container(name).delete(force=True))


async def gone(deletion: Awaitable[Any]) -> None:
    """Deletes what may have been deleted, or never made."""
    try:
        await deletion
    except DockerError as error:
        if error.status != HTTPStatus.NOT_FOUND:
            raise


def section(name: str, image: str, **changes: Any) -> dict[str, Any]:
    return {"id": name, "image": image, "port": free_port(), **changes}


async def running(node: NodeProcess, name: str) -> None:
    """Returns once the node sends jobs to the container."""
    while (await node.until("container_running"))["container"] != name:
        pass


async def answer(node: NodeProcess, name: str, **data: Any) -> Any:
    (job,) = await node.finished(await node.submit(name, **data))
    assert job["status"] == "success", job
    return job["result"]["output"]


async def printed(node: NodeProcess, name: str, line: str) -> None:
    """Returns once the node's log has a line that the container printed."""
    while True:
        said = await node.until("container_output")
        if (said["container"], said["line"]) == (name, line):
            return


async def test_started_as_configured_asked_logged_and_stopped(
    tmp_path: Path, docker_host: str, docker: aiodocker.Docker, image: str, container: str
) -> None:
    (tmp_path / "note").write_text("from a volume")
    one = section(
        container,
        image,
        env={"WORD": 7},
        command='"an argument"',
        volumes=[f"{tmp_path}:/notes:ro"],
    )
    path = configure(tmp_path, {"containers": [one]})
    async with started(path, DOCKER_HOST=docker_host) as node:
        await printed(node, container, "serving with an argument")
        await running(node, container)

        assert await answer(node, container) == {
            "word": "7",
            "argument": "an argument",
            "note": "from a volume",
        }
        await printed(node, container, "POST /service_output")
        shown = await docker.containers.container(container).show()
        published = shown["NetworkSettings"]["Ports"]["3000/tcp"]
        assert [port["HostIp"] for port in published] == ["127.0.0.1"]

        node.process.terminate()
        assert await node.ended() == 0
    shown = await docker.containers.container(container).show()
    assert not shown["State"]["Running"]


async def test_the_id_of_a_job_is_in_the_containers_own_log(
    tmp_path: Path, docker_host: str, image: str, container: str
) -> None:
    path = configure(tmp_path, {"containers": [section(container, image)]})
    async with started(path, DOCKER_HOST=docker_host) as node:
        await running(node, container)
        job_id = await node.submit(container)
        await printed(node, container, f"asked by {job_id}")


async def test_w_52_one_that_dies_is_down_and_comes_back(
    tmp_path: Path, docker_host: str, image: str, container: str
) -> None:
    path = configure(tmp_path, {"containers": [section(container, image)]})
    async with started(path, DOCKER_HOST=docker_host) as node:
        await running(node, container)
        await answer(node, container, do="die")
        await printed(node, container, "dying")
        await node.until("container_ended")
        body = {"containers": [container], "data": {}}
        async with node.session.post(f"{node.url}/api/jobs", json=body) as refused:
            assert refused.status == 503
            assert (await refused.json())["error"] == "Container is not running"
        await running(node, container)
        await answer(node, container)


async def test_w_51_kept_over_a_restart_and_made_anew_from_other_settings(
    tmp_path: Path, docker_host: str, docker: aiodocker.Docker, image: str, container: str
) -> None:
    one = section(container, image, env={"WORD": "first"})
    made: list[str] = []
    words: list[str] = []
    for word in ("first", "first", "second"):
        one["env"] = {"WORD": word}
        path = configure(tmp_path, {"containers": [one]})
        async with started(path, DOCKER_HOST=docker_host) as node:
            await running(node, container)
            words.append((await answer(node, container))["word"])
            made.append((await docker.containers.container(container).show())["Id"])
            node.process.terminate()
            assert await node.ended() == 0
    assert words == ["first", "first", "second"]
    assert made[0] == made[1] != made[2]


async def test_a_node_that_was_killed_takes_its_container_over(
    tmp_path: Path, docker_host: str, docker: aiodocker.Docker, image: str, container: str
) -> None:
    path = configure(tmp_path, {"containers": [section(container, image)]})
    starts: list[str] = []
    for _ in range(2):
        async with started(path, DOCKER_HOST=docker_host) as node:
            await running(node, container)
            await answer(node, container)
            shown = await docker.containers.container(container).show()
            starts.append(shown["State"]["StartedAt"])
    assert starts[0] == starts[1]


@pytest.fixture
async def registry(docker: aiodocker.Docker) -> AsyncIterator[ImageRegistry]:
    whole = archive(files(), APPLETS)
    private = ImageRegistry("me", "p4ssw0rd", "acme/words", whole, ["/main.sh", "pulled"])
    async with private.serve():
        yield private
        await gone(docker.images.delete(private.image, force=True))


async def test_an_image_is_pulled_with_the_credentials(
    tmp_path: Path, docker_host: str, container: str, registry: ImageRegistry
) -> None:
    one = section(container, registry.image)
    credentials = {"username": registry.username, "password": registry.password}
    path = configure(tmp_path, {"containers": [one], "docker": credentials})
    async with started(path, DOCKER_HOST=docker_host) as node:
        await running(node, container)
        assert (await answer(node, container))["argument"] == "pulled"
    assert registry.pulls >= 1


async def test_without_the_credentials_the_log_says_why_and_the_password_stays_out_of_it(
    tmp_path: Path, docker_host: str, container: str, registry: ImageRegistry
) -> None:
    one = section(container, registry.image)
    credentials = {"username": registry.username, "password": "wrong-p4ss"}
    path = configure(tmp_path, {"containers": [one], "docker": credentials})
    async with started(path, DOCKER_HOST=docker_host) as node:
        failed = await node.until("container_failed")
        assert failed["container"] == container
        assert "no basic auth" in failed["reason"] or "unauthorized" in failed["reason"].lower()
        async with aiohttp.request("GET", f"{node.url}/health/ready") as response:
            assert response.status == 503
        node.process.terminate()
        assert await node.ended() == 0
    assert registry.pulls == 0
    assert "wrong-p4ss" not in (tmp_path / "node.log").read_text()
