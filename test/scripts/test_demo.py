"""What the demo decides before it starts anything; test/e2e runs it."""

import shlex
from collections.abc import Iterator
from pathlib import Path

import click
import pytest
from click.testing import CliRunner, Result

from scripts.demo import cli, invite, usable_tgi
from scripts.stack import Ports, Stack, bound_to
from test.scripts.conftest import reserved_port
from test.support.mock_tgi import MockTGI


@pytest.fixture
def tgi() -> Iterator[MockTGI]:
    with MockTGI() as server:
        yield server


def test_a_tgi_server_that_is_ready_is_taken(tgi: MockTGI) -> None:
    assert usable_tgi(tgi.url) == tgi.url


@pytest.mark.parametrize("address", ["127.0.0.1:8081", "localhost:8081", "ftp://127.0.0.1"])
def test_an_address_without_its_scheme(address: str) -> None:
    with pytest.raises(click.BadParameter, match="does not begin with http:// or https://"):
        usable_tgi(address)


def test_a_tgi_server_that_still_loads_its_model(tgi: MockTGI) -> None:
    tgi.set_healthy(False)
    with pytest.raises(click.BadParameter, match="answers but is not ready"):
        usable_tgi(tgi.url)


def test_a_server_that_is_no_tgi(tgi: MockTGI) -> None:
    with pytest.raises(click.BadParameter, match=r"/health with HTTP 404: is it a TGI server\?"):
        usable_tgi(f"{tgi.url}/elsewhere")


def test_a_password_in_the_address_is_not_repeated() -> None:
    with reserved_port() as port, pytest.raises(click.BadParameter) as caught:
        usable_tgi(f"http://me:hidden@127.0.0.1:{port}")
    assert f"http://127.0.0.1:{port}" in caught.value.message
    assert "hidden" not in caught.value.message


def run(**env: str) -> Result:
    return CliRunner(mix_stderr=False, env=env).invoke(cli, [])


def test_the_tgi_server_is_named_by_the_environment() -> None:
    done = run(DEMO_TGI_URL="127.0.0.1:8081")
    assert done.exit_code == 2
    assert "127.0.0.1:8081 does not begin with http://" in done.stderr


@pytest.mark.parametrize(
    ("question", "message"), [("  ", "empty; type something to ask"), ("caf\udce9", "not UTF-8")]
)
def test_a_question_that_cannot_be_asked(question: str, message: str) -> None:
    done = run(DEMO_QUESTION=question)
    assert done.exit_code == 2
    assert message in done.stderr


@pytest.mark.parametrize(
    "command",
    [
        "--bind=127.0.0.1:3000 --workers=2",
        "--workers=2 --bind 0.0.0.0:3000",
        "-b :3000 -b unix:/tmp/a:3000 --workers=2",
        "--workers=2",
    ],
)
def test_the_service_is_bound_to_its_port_alone(command: str) -> None:
    assert bound_to(4567, command) == ["--bind=127.0.0.1:4567", "--workers=2"]


def test_a_second_terminal_is_told_what_to_type(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    invite(Stack(Ports(chain=18545, tgi=0, service=13000, node=14000), tmp_path, tmp_path))
    said = capsys.readouterr().out
    (request,) = (line for line in said.splitlines() if "scripts/request.py" in line)
    assert shlex.split(request)[2:4] == ["--rpc-url", "http://127.0.0.1:18545"]
    assert "curl -X POST http://127.0.0.1:14000/api/jobs" in said


def test_the_usual_chain_need_not_be_named(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    invite(Stack(Ports(chain=8545, tgi=0, service=3000, node=4000), tmp_path, tmp_path))
    assert "--rpc-url" not in capsys.readouterr().out
