"""The fleet in deploy/: every file it needs is there, and every process takes its configuration."""

import json
import re
from pathlib import Path
from typing import Any

import pytest
import yaml
from click.testing import CliRunner

from infernet_node.cli import main
from infernet_node.config import Role

ROOT = Path(__file__).parents[2]
DEPLOY = ROOT / "deploy"
NODE = "your_org/infernet-node"
_VARIABLE = re.compile(r"\$\{(\w+)(?::[?-]([^}]*))?\}")


@pytest.fixture(scope="module")
def example() -> dict[str, str]:
    lines = (DEPLOY / ".env.example").read_text().splitlines()
    pairs = [line.partition("=") for line in lines if line and not line.startswith("#")]
    return {name: value for name, _, value in pairs}


@pytest.fixture(scope="module")
def compose() -> dict[str, Any]:
    document = yaml.safe_load((DEPLOY / "compose.yaml").read_text())
    assert isinstance(document, dict)
    return document


def processes(compose: dict[str, Any]) -> dict[str, dict[str, Any]]:
    return {n: s for n, s in compose["services"].items() if s["image"] == NODE}


def environment(
    service: dict[str, Any], compose: dict[str, Any], example: dict[str, str], folder: Path
) -> dict[str, str]:
    """What a process of the service would see, its secrets in files of ours."""
    seen = {
        name: _VARIABLE.sub(lambda match: example[match[1]], value)
        for name, value in service["environment"].items()
    }
    for secret in service.get("secrets", ()):
        file = folder / secret
        file.write_text(example[compose["secrets"][secret]["environment"]])
        for name, value in seen.items():
            if value == f"/run/secrets/{secret}":
                seen[name] = str(file)
    return seen


def test_roles(compose: dict[str, Any]) -> None:
    assert "version" not in compose
    roles = {name: service["command"] for name, service in processes(compose).items()}
    assert roles == {"api": ["api"], "worker": ["worker"], "chain": ["chain"]}
    replicas = {n: s.get("deploy", {}).get("replicas", 1) for n, s in processes(compose).items()}
    assert replicas == {"api": 1, "worker": 2, "chain": 2}


def test_every_variable_has_an_example(compose: dict[str, Any], example: dict[str, str]) -> None:
    used = {match[1] for match in _VARIABLE.finditer((DEPLOY / "compose.yaml").read_text())}
    used |= {secret["environment"] for secret in compose["secrets"].values()}
    assert used == set(example)


@pytest.mark.parametrize("role", [Role.API, Role.WORKER, Role.CHAIN])
def test_every_process_takes_its_configuration(
    compose: dict[str, Any], example: dict[str, str], tmp_path: Path, role: Role
) -> None:
    service = processes(compose)[role]
    (mounted,) = service["configs"]
    file = DEPLOY / compose["configs"][mounted["source"]]["file"]
    seen = environment(service, compose, example, tmp_path)
    arguments = ["check-config", "--role", role, "--config", str(file)]
    checked = CliRunner().invoke(main, arguments, env=seen)
    assert checked.exit_code == 0, checked.output
    assert "warning" not in checked.output
    assert "chain: on" in checked.output
    # The key is where transactions are sent and nowhere else.
    assert ("INFERNET_PRIVATE_KEY_FILE" in seen) == role.sends


def test_whom_they_name_is_there(compose: dict[str, Any]) -> None:
    services = compose["services"]
    document = json.loads((DEPLOY / "fleet.json").read_text())
    hosts = [container["url"].split("/")[2].split(":")[0] for container in document["containers"]]
    for service in processes(compose).values():
        hosts += re.findall(
            r"(?:@|//)(\w+)(?::\d+)?(?:/|$)", "\n".join(service["environment"].values())
        )
        hosts += service["depends_on"]
    assert set(hosts) == {"service", "postgres", "nats"}
    assert set(hosts) <= set(services)
    for service in services.values():
        if build := service.get("build"):
            assert (DEPLOY / build["context"] / build["dockerfile"]).is_file()


@pytest.mark.parametrize("recipe", sorted(DEPLOY.glob("*.Dockerfile")), ids=lambda path: path.name)
def test_what_an_image_is_made_of_is_there(recipe: Path) -> None:
    admitted = Path(f"{recipe}.dockerignore").read_text().splitlines()
    copied = re.findall(r"^COPY (?!--from)(.+) \S+$", recipe.read_text(), re.MULTILINE)
    for source in " ".join(copied).split():
        assert (ROOT / source).exists()
        assert f"!{source}" in admitted
