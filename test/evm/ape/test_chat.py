"""A contract asks, a node answers: the examples through ape's own eyes."""

import ape
import pytest
from ape.api import TestAccountAPI
from ape.contracts import ContractInstance
from eth_abi.abi import encode
from eth_utils.abi import function_signature_to_4byte_selector

from infernet_protocol.output import encode_text, output_from_text
from infernet_protocol.subscription import ZERO_ADDRESS
from infernet_testing import RefusedError
from infernet_testing.ape import ApeInfernet
from scripts.artifacts import OUT

QUESTION = "Can shrimp actually fry rice fr?"


@pytest.fixture
def asked(chat: ContractInstance, infernet: ApeInfernet, requester: TestAccountAPI) -> int:
    """Id of a question that nobody has answered yet."""
    request = chat.chatWithLLM(encode_text(QUESTION), sender=requester)
    (created,) = request.decode_logs(infernet.coordinator.SubscriptionCreated)
    return int(created.id)


def test_the_registry_names_the_others(infernet: ApeInfernet) -> None:
    assert infernet.registry.COORDINATOR() == infernet.coordinator.address
    assert infernet.registry.WALLET_FACTORY() == infernet.wallet_factory.address


def test_an_answer_arrives_in_the_consumer(
    asked: int, chat: ContractInstance, infernet: ApeInfernet
) -> None:
    assert infernet.last_id == asked
    infernet.answer(asked, "Yes, and well.")
    assert chat.answer(asked) == "Yes, and well."


def test_a_second_answer_is_refused_by_name(asked: int, infernet: ApeInfernet) -> None:
    infernet.answer(asked, "Yes.")
    assert infernet.refusal(asked, "No.").name == "IntervalCompleted"
    with pytest.raises(RefusedError, match=r"the answer was refused: IntervalCompleted\(\)"):
        infernet.answer(asked, "No.")


def test_ape_knows_the_errors_of_the_core(asked: int, infernet: ApeInfernet) -> None:
    output = output_from_text("too early")
    with ape.reverts(infernet.coordinator.IntervalMismatch):
        infernet.coordinator.deliverCompute(
            asked, 2, b"", output, b"", ZERO_ADDRESS, sender=infernet.node
        )


def test_an_answer_that_the_consumer_cannot_read_is_refused(
    asked: int, infernet: ApeInfernet
) -> None:
    refusal = infernet.deliver(asked, b"no answer at all")
    assert refusal is not None
    assert refusal.name == "UnreadableAnswer"
    infernet.answer(asked, "Yes.", by=infernet.accounts[3])


@pytest.mark.parametrize(
    ("data", "shown"),
    [
        (b"", "no revert data"),
        (b"!", "Panic(50)"),
        (function_signature_to_4byte_selector("Error(string)") + encode_text("no"), "Error('no')"),
        (
            function_signature_to_4byte_selector("Misplaced(address,(uint256,string))")
            + encode(["address", "(uint256,string)"], [ZERO_ADDRESS, (7, "top")]),
            f"Misplaced('{ZERO_ADDRESS}', (7, 'top'))",
        ),
    ],
    ids=["empty", "check", "text", "arguments"],
)
def test_a_refusal_says_what_the_consumer_said(
    infernet: ApeInfernet, requester: TestAccountAPI, data: bytes, shown: str
) -> None:
    echo = infernet.deploy(OUT / "EchoingConsumer.sol/EchoingConsumer.json", infernet.registry)
    echo.request(sender=requester)
    refusal = infernet.deliver(infernet.last_id, data)
    assert refusal is not None
    assert str(refusal) == shown


def test_scheduled_questions_are_answered_in_their_time(
    scheduled: ContractInstance, infernet: ApeInfernet, requester: TestAccountAPI
) -> None:
    scheduled.schedule(["first?", "second?"], 60, 1, sender=requester)
    asked = infernet.last_id
    assert infernet.refusal(asked, "too early").name == "SubscriptionNotActive"
    infernet.wait_for_interval(asked, 1)
    infernet.answer(asked, "one")
    infernet.wait_for_interval(asked, 2)
    assert infernet.refusal(asked, "too late", interval=1).name == "IntervalMismatch"
    infernet.answer(asked, "two")
    assert scheduled.answer(asked, 1, 1) == "one"
    assert scheduled.answer(asked, 2, 1) == "two"


def test_a_consumer_pays_from_a_wallet(infernet: ApeInfernet) -> None:
    wallet = infernet.funded_wallet(infernet.accounts[3], 10**18)
    assert infernet.wei(wallet) == 10**18
    assert wallet.allowance(infernet.accounts[3], ZERO_ADDRESS) == 10**18
    assert infernet.wallet_factory.isValidWallet(wallet)
