"""The contracts as an ape project has them; run by ``ape test test/evm/ape``."""

import pytest
from ape import Project
from ape.api import TestAccountAPI
from ape.contracts import ContractInstance

from infernet_testing.ape import ApeInfernet
from scripts import ape_project
from scripts.deployment import CONTAINER

pytest_plugins = ["infernet_testing.ape"]

ape_project.write()


@pytest.fixture(scope="session")
def requester(infernet: ApeInfernet) -> TestAccountAPI:
    return infernet.accounts[0]


@pytest.fixture(scope="session")
def chat(project: Project, infernet: ApeInfernet, requester: TestAccountAPI) -> ContractInstance:
    return requester.deploy(project.ChatConsumer, infernet.registry, CONTAINER)


@pytest.fixture(scope="session")
def scheduled(
    project: Project, infernet: ApeInfernet, requester: TestAccountAPI
) -> ContractInstance:
    return requester.deploy(project.ScheduledChat, infernet.registry, CONTAINER)
