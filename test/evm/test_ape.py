"""The main flow through ape and its default py-evm provider."""

from collections.abc import Iterator

import ape
import pytest
from ape.api import TestAccountAPI
from ape.contracts import ContractInstance

from infernet_protocol.output import encode_text
from infernet_protocol.subscription import ZERO_ADDRESS
from scripts.accounts import DEPLOYER, NODE, REQUESTER
from scripts.deployment import GETTERS, create_address
from test.evm.conftest import CONTAINER
from test.evm.test_eth_tester import DOCUMENTED, QUESTION, output_of
from test.support.ape_contracts import container

pytestmark = pytest.mark.filterwarnings("default")  # ape's own


@pytest.fixture(scope="module")
def accounts() -> Iterator[list[TestAccountAPI]]:
    with ape.networks.ethereum.local.use_provider("test"):
        yield list(ape.accounts.test_accounts[:3])


@pytest.fixture(scope="module")
def contracts(accounts: list[TestAccountAPI]) -> dict[str, ContractInstance]:
    deployer = accounts[DEPLOYER]
    planned = [create_address(deployer.address, nonce) for nonce in range(1, len(GETTERS) + 1)]
    registry = deployer.deploy(container("Registry"), *planned)
    deployed = {"Registry": registry}
    for name in GETTERS:
        arguments = (deployer.address, 0) if name == "Fee" else (registry.address,)
        deployed[name] = deployer.deploy(container(name), *arguments)
    deployed["ChatConsumer"] = deployer.deploy(
        container("ChatConsumer"), registry.address, CONTAINER
    )
    return deployed


def test_addresses_are_the_documented_ones(contracts: dict[str, ContractInstance]) -> None:
    assert {name: contracts[name].address for name in DOCUMENTED} == DOCUMENTED


def test_the_answer_arrives_in_the_contract(
    accounts: list[TestAccountAPI], contracts: dict[str, ContractInstance]
) -> None:
    consumer, coordinator = contracts["ChatConsumer"], contracts["EIP712Coordinator"]

    request = consumer.chatWithLLM(encode_text(QUESTION), sender=accounts[REQUESTER])
    (created,) = request.decode_logs(coordinator.SubscriptionCreated)
    delivery = coordinator.deliverCompute(
        created.id, 1, b"", output_of("Yes."), b"", ZERO_ADDRESS, sender=accounts[NODE]
    )

    (fulfilled,) = delivery.decode_logs(coordinator.SubscriptionFulfilled)
    assert fulfilled.node == accounts[NODE].address
    assert consumer.answer(created.id) == "Yes."


def test_a_second_answer_is_refused_by_name(
    accounts: list[TestAccountAPI], contracts: dict[str, ContractInstance]
) -> None:
    consumer, coordinator = contracts["ChatConsumer"], contracts["EIP712Coordinator"]
    request = consumer.chatWithLLM(encode_text(QUESTION), sender=accounts[REQUESTER])
    (created,) = request.decode_logs(coordinator.SubscriptionCreated)
    arguments = (created.id, 1, b"", output_of("Yes."), b"", ZERO_ADDRESS)
    coordinator.deliverCompute(*arguments, sender=accounts[NODE])
    with ape.reverts(coordinator.IntervalCompleted):
        coordinator.deliverCompute(*arguments, sender=accounts[DEPLOYER])
