"""A contract asks, a node answers: the examples through ape's own eyes."""

from collections.abc import Callable

import ape
import pytest
from ape.api import TestAccountAPI
from ape.contracts import ContractInstance
from ape.managers.chain import ChainManager
from eth_abi.abi import encode

from infernet_protocol.output import encode_text
from infernet_protocol.subscription import ZERO_ADDRESS

QUESTION = "Can shrimp actually fry rice fr?"
Deliver = Callable[..., None]


@pytest.fixture
def deliver(coordinator: ContractInstance, node: TestAccountAPI) -> Deliver:
    """Answers as a node does."""

    def deliver(subscription_id: int, answer: str, interval: int = 1) -> None:
        output = encode(["bytes", "bytes"], [encode_text(answer), b""])
        coordinator.deliverCompute(
            subscription_id, interval, b"", output, b"", ZERO_ADDRESS, sender=node
        )

    return deliver


def test_the_registry_names_the_others(contracts: dict[str, ContractInstance]) -> None:
    registry = contracts["Registry"]
    assert registry.COORDINATOR() == contracts["EIP712Coordinator"].address
    assert registry.WALLET_FACTORY() == contracts["WalletFactory"].address


def test_an_answer_arrives_in_the_consumer(
    contracts: dict[str, ContractInstance],
    coordinator: ContractInstance,
    requester: TestAccountAPI,
    deliver: Deliver,
) -> None:
    consumer = contracts["ChatConsumer"]
    request = consumer.chatWithLLM(encode_text(QUESTION), sender=requester)
    (created,) = request.decode_logs(coordinator.SubscriptionCreated)
    deliver(created.id, "Yes, and well.")
    assert consumer.answer(created.id) == "Yes, and well."


def test_a_second_answer_is_refused_by_name(
    contracts: dict[str, ContractInstance],
    coordinator: ContractInstance,
    requester: TestAccountAPI,
    deliver: Deliver,
) -> None:
    consumer = contracts["ChatConsumer"]
    request = consumer.chatWithLLM(encode_text(QUESTION), sender=requester)
    (created,) = request.decode_logs(coordinator.SubscriptionCreated)
    deliver(created.id, "Yes.")
    with ape.reverts(coordinator.IntervalCompleted):
        deliver(created.id, "No.")


def test_scheduled_questions_are_answered_in_their_time(
    contracts: dict[str, ContractInstance],
    coordinator: ContractInstance,
    requester: TestAccountAPI,
    deliver: Deliver,
    chain: ChainManager,
) -> None:
    consumer = contracts["ScheduledChat"]
    request = consumer.schedule(["first?", "second?"], 60, 1, sender=requester)
    (created,) = request.decode_logs(coordinator.SubscriptionCreated)
    with ape.reverts(coordinator.SubscriptionNotActive):
        deliver(created.id, "too early")
    chain.mine(deltatime=60)
    deliver(created.id, "one", interval=1)
    chain.mine(deltatime=60)
    deliver(created.id, "two", interval=2)
    assert consumer.answer(created.id, 1, 1) == "one"
    assert consumer.answer(created.id, 2, 1) == "two"
