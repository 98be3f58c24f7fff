"""What tests of the service share."""

import socket
from collections.abc import Iterator
from contextlib import ExitStack
from typing import Any

import httpx
import pytest

from test.service.serving import FakeClock, Service, StartService, environment, serve
from test.support.mock_tgi import MockTGI
from test.support.waiting import SECONDS
from tgi_service import TGIClientInferenceWorkflow
from tgi_service.call import Clock


@pytest.fixture(scope="module")
def tgi_of_module() -> Iterator[MockTGI]:
    """A mock TGI server on a free port."""
    with MockTGI() as server:
        yield server


@pytest.fixture
def tgi(tgi_of_module: MockTGI) -> Iterator[MockTGI]:
    """The mock TGI server, without memory of other tests."""
    tgi_of_module.reset()
    yield tgi_of_module
    tgi_of_module.reset()


@pytest.fixture(scope="module")
def service_of_module(tgi_of_module: MockTGI) -> Iterator[Service]:
    """A service with nothing configured but its server."""
    with serve(environment(tgi_of_module)) as service:
        yield service


@pytest.fixture
def service(service_of_module: Service, tgi: MockTGI) -> Service:
    """The same service for all tests of a module; they share its metrics."""
    return service_of_module


@pytest.fixture
def clock() -> FakeClock:
    """A clock on which no wait takes time."""
    return FakeClock()


@pytest.fixture
def start(tgi: MockTGI) -> Iterator[StartService]:
    """Starts services of a test's own against the mock server."""
    with ExitStack() as stack:

        def start_one(
            *,
            clock: Clock | None = None,
            per_worker: int = 128,
            workflow_class: type[TGIClientInferenceWorkflow] = TGIClientInferenceWorkflow,
            **variables: Any,
        ) -> Service:
            service = stack.enter_context(
                serve(
                    environment(tgi, **variables),
                    clock=clock,
                    per_worker=per_worker,
                    workflow_class=workflow_class,
                )
            )
            tgi.reset()  # forgets the probe
            return service

        yield start_one


@pytest.fixture(scope="module")
def http_of_module(tgi_of_module: MockTGI) -> Iterator[httpx.Client]:
    with httpx.Client(base_url=tgi_of_module.url, timeout=SECONDS) as client:
        yield client


@pytest.fixture
def http(http_of_module: httpx.Client, tgi: MockTGI) -> httpx.Client:
    """A client of the server that ``tgi`` is."""
    return http_of_module


@pytest.fixture
def closed_port() -> Iterator[int]:
    """A port that refuses connections: bound, but nobody listens."""
    with socket.socket() as bound:
        bound.bind(("127.0.0.1", 0))
        yield bound.getsockname()[1]
