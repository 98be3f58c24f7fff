"""What is asked of Docker for a container: its port, its image, the request that makes it."""

import pytest

from infernet_node.config import ContainerConfig
from infernet_node.containers.plan import (
    SETTINGS_LABEL,
    assign_ports,
    creation_request,
    image_reference,
)


@pytest.mark.parametrize(
    ("wanted", "occupied", "expected"),
    [
        ([3000, 3000, 3000], [4000], [3000, 3999, 3998]),
        ([3999, 3000, 3000], [], [3999, 3000, 3998]),
        ([4000, 3999], [4000], [3999, 3998]),
        ([3001, 3002], [], [3001, 3002]),
    ],
)
def test_ports(wanted: list[int], occupied: list[int], expected: list[int]) -> None:
    containers = [ContainerConfig(id=str(n), port=port) for n, port in enumerate(wanted)]
    ports, warnings = assign_ports(containers, occupied)

    assert list(ports.values()) == expected
    moved = sum(want != got for want, got in zip(wanted, expected, strict=True))
    assert len(warnings) == moved


@pytest.mark.parametrize(
    ("image", "expected"),
    [
        ("upper", "docker.io/library/upper:latest"),
        ("acme/upper:1", "docker.io/acme/upper:1"),
        ("localhost/upper", "localhost/upper:latest"),
        ("ghcr.io/acme/upper:1", "ghcr.io/acme/upper:1"),
        ("registry:5000/upper", "registry:5000/upper:latest"),
        ("acme/upper@sha256:00", "docker.io/acme/upper@sha256:00"),
    ],
)
def test_image_names(image: str, expected: str) -> None:
    assert image_reference(image) == expected


def test_w_05_creation() -> None:
    container = ContainerConfig(
        id="tgi",
        image="your_org/tgi_client_inference_service:latest",
        port=3005,
        command='--bind=0.0.0.0:3000 --workers=2 --name "a b"',
        env={"TRIES": "3", "N": 5, "JSON": '["http://x", 30]'},
        volumes=("/data:/data:ro",),
        gpu=True,
    )
    request = creation_request(container, "127.0.0.1")
    labels = request.pop("Labels")

    assert request == {
        "Image": "docker.io/your_org/tgi_client_inference_service:latest",
        "Cmd": ["--bind=0.0.0.0:3000", "--workers=2", "--name", "a b"],
        "Env": ["TRIES=3", "N=5", 'JSON=["http://x", 30]'],
        "ExposedPorts": {"3000/tcp": {}},
        "HostConfig": {
            "PortBindings": {"3000/tcp": [{"HostIp": "127.0.0.1", "HostPort": "3005"}]},
            "RestartPolicy": {"Name": "on-failure", "MaximumRetryCount": 5},
            "Binds": ["/data:/data:ro"],
            "DeviceRequests": [{"Driver": "nvidia", "Count": -1, "Capabilities": [["gpu"]]}],
        },
    }
    other = creation_request(container.model_copy(update={"gpu": False}), "127.0.0.1")
    assert labels[SETTINGS_LABEL] != other["Labels"][SETTINGS_LABEL]


def test_no_command_is_the_images_own() -> None:
    assert "Cmd" not in creation_request(ContainerConfig(id="a", image="a"), "127.0.0.1")
