"""Several servers: turns, and what happens to one that fails."""

import json
from collections.abc import Iterator

import pytest

from test.service.configuring import load, refusal
from test.service.serving import FakeClock, Service, environment, serve
from test.support.mock_tgi import Behaviour, MockTGI, overloaded
from tgi_service.backend import Backend
from tgi_service.backends import connect
from tgi_service.call import Cancellation
from tgi_service.errors import InfernetMLException
from tgi_service.server_pool import PENALTY, ServerPool

DOWN = Behaviour(status=503, body="loading")


@pytest.fixture
def other() -> Iterator[MockTGI]:
    with MockTGI(seed=1) as server:
        yield server


@pytest.fixture
def both(tgi: MockTGI, other: MockTGI) -> Iterator[Service]:
    with serve(environment(tgi, WORKFLOW_POSITIONAL_ARGS=[[tgi.url, other.url], 5])) as service:
        tgi.reset()
        other.reset()
        yield service


def pool_of(*servers: MockTGI, clock: FakeClock) -> ServerPool:
    return ServerPool([_backend(server) for server in servers], clock.now)


def _backend(server: MockTGI) -> Backend:
    return connect([server.url], timeout=5, headers={}, cookies={}, max_answer_bytes=2**20)


def ask(pool: ServerPool) -> str:
    return pool.generate("hello", {"max_new_tokens": 1}, Cancellation()).text


def counts(*servers: MockTGI) -> list[int]:
    return [len(server.generations) for server in servers]


def test_servers_take_turns(both: Service, tgi: MockTGI, other: MockTGI) -> None:
    for destination in (1, 2, 0, 1):
        assert both.ask(destination=destination).status_code == 200
    for destination in (1, 2):
        chat = {"messages": [{"role": "user", "content": "Rice?"}]}
        assert both.ask(chat, destination=destination).status_code == 200

    assert counts(tgi, other) == [3, 3]


@pytest.mark.parametrize("behaviour", [DOWN, overloaded(), Behaviour(drop=True)])
@pytest.mark.parametrize("destination", [1, 2])
def test_another_try_goes_to_another_server(
    both: Service, tgi: MockTGI, other: MockTGI, behaviour: Behaviour, destination: int
) -> None:
    tgi.always(behaviour)
    other.always(Behaviour(text="yes"))

    for _ in range(3):
        assert "yes" in both.ask(destination=destination).text
    assert counts(tgi, other)[0] <= 1


def test_failure_counts_for_ten_seconds(tgi: MockTGI, other: MockTGI, clock: FakeClock) -> None:
    pool = pool_of(tgi, other, clock=clock)
    tgi.script(DOWN)
    with pytest.raises(InfernetMLException):
        ask(pool)

    for _ in range(3):
        ask(pool)
    assert counts(tgi, other) == [1, 3]

    clock.time += PENALTY - 0.01
    ask(pool)
    assert counts(tgi, other) == [1, 4]

    clock.time += 0.01
    ask(pool)
    ask(pool)
    assert counts(tgi, other) == [2, 5]


def test_where_all_fail_the_earliest_failure_has_its_turn(
    tgi: MockTGI, other: MockTGI, clock: FakeClock
) -> None:
    pool = pool_of(tgi, other, clock=clock)
    tgi.always(DOWN)
    other.always(DOWN)

    for _ in range(4):
        clock.time += 1
        with pytest.raises(InfernetMLException):
            ask(pool)

    assert counts(tgi, other) == [2, 2]


def test_refused_input_is_no_failure(tgi: MockTGI, other: MockTGI, clock: FakeClock) -> None:
    pool = pool_of(tgi, other, clock=clock)
    tgi.script(Behaviour(status=422, body={"error": "no", "error_type": "validation"}))
    with pytest.raises(InfernetMLException):
        ask(pool)

    ask(pool)
    ask(pool)
    assert counts(tgi, other) == [2, 1]


def test_ready_while_one_server_is(both: Service, tgi: MockTGI, other: MockTGI) -> None:
    tgi.set_healthy(False)
    assert both.http.get("/ready").status_code == 200


def test_not_ready_when_none_is(both: Service, tgi: MockTGI, other: MockTGI) -> None:
    tgi.set_healthy(False)
    other.set_healthy(False)
    assert both.http.get("/ready").status_code == 503


def test_ready_when_a_server_is_gone(tgi: MockTGI) -> None:
    """The first one cannot be reached at all."""
    gone = connect(
        ["http://tgi.invalid", tgi.url],
        timeout=5,
        headers={},
        cookies={},
        max_answer_bytes=2**20,
    )

    assert gone.is_healthy(Cancellation())


def test_model_of_several_servers(tgi: MockTGI, other: MockTGI, clock: FakeClock) -> None:
    assert pool_of(tgi, other, clock=clock).model_id(Cancellation()) == tgi.settings.model_id


def test_servers_from_the_environment() -> None:
    urls = ["http://a", "http://b:80/generate"]
    settings = load(TGI_INF_WORKFLOW_POSITIONAL_ARGS=json.dumps([urls, 30]))

    assert settings.workflow.server_urls == tuple(urls)


@pytest.mark.parametrize("urls", [[], ["http://a", "http://a"], ["http://a", "b"], [["http://a"]]])
def test_wrong_list_of_servers_is_refused(urls: object) -> None:
    message = refusal(TGI_INF_WORKFLOW_POSITIONAL_ARGS=json.dumps([urls, 30]))

    assert "TGI_INF_WORKFLOW_POSITIONAL_ARGS" in message
    assert "server_url" in message
