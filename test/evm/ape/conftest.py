"""The contracts as an ape project has them; run by ``ape test test/evm/ape``."""

import pytest
from ape import Project
from ape.api import TestAccountAPI
from ape.contracts import ContractInstance
from ape.managers.accounts import TestAccountManager

from scripts import ape_project
from scripts.accounts import DEPLOYER, NODE, REQUESTER
from scripts.deployment import CONTAINER, GETTERS, create_address

ape_project.write()


@pytest.fixture(scope="session")
def deployer(accounts: TestAccountManager) -> TestAccountAPI:
    return accounts[DEPLOYER]


@pytest.fixture(scope="session")
def requester(accounts: TestAccountManager) -> TestAccountAPI:
    return accounts[REQUESTER]


@pytest.fixture(scope="session")
def node(accounts: TestAccountManager) -> TestAccountAPI:
    return accounts[NODE]


@pytest.fixture(scope="session")
def contracts(project: Project, deployer: TestAccountAPI) -> dict[str, ContractInstance]:
    """The core and the example consumers, by name."""
    first = deployer.nonce + 1
    planned = [create_address(deployer.address, first + offset) for offset in range(len(GETTERS))]
    registry = deployer.deploy(project.Registry, *planned)
    deployed = {"Registry": registry}
    for name in GETTERS:
        arguments = (deployer.address, 0) if name == "Fee" else (registry.address,)
        deployed[name] = deployer.deploy(getattr(project, name), *arguments)
    for name in ("ChatConsumer", "ScheduledChat"):
        deployed[name] = deployer.deploy(getattr(project, name), registry.address, CONTAINER)
    return deployed


@pytest.fixture(scope="session")
def coordinator(contracts: dict[str, ContractInstance]) -> ContractInstance:
    return contracts["EIP712Coordinator"]
