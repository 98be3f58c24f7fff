"""From a transaction that asks to a transaction that answers."""

import requests
from web3.contract import Contract
from web3.logs import DISCARD
from web3.types import TxReceipt

from infernet_protocol.output import text_from_delivery
from scripts.accounts import NODE, anvil_account
from scripts.chain import Sender
from scripts.chat import Chat
from scripts.stack import Stack
from test.e2e.conftest import eventually, fulfilments
from test.support.mock_tgi import Behaviour, MockTGI

QUESTION = "Can shrimp actually fry rice fr?"
REFUSED = Behaviour(
    status=422,
    body={"error": "Input validation error: not today", "error_type": "validation"},
)
UNAVAILABLE = Behaviour(status=503, body="no healthy upstream")
PERIOD = 8
"""Seconds, in which a busy machine can answer; the chain's clock is the one on the wall."""


def answered(chat: Chat, subscription_id: int, coordinator: str, request: TxReceipt) -> str:
    """Waits for the answer and returns it as the contract keeps it."""
    eventually(
        lambda: chat.delivery(
            subscription_id,
            chat.by.web3.to_checksum_address(coordinator),
            request["blockNumber"],
        ),
        f"subscription {subscription_id} answered",
    )
    return str(chat.consumer.functions.answer(subscription_id).call())


def test_a_callback_is_answered_on_chain(
    stack: Stack, chat: Chat, coordinator: Contract, tgi: MockTGI
) -> None:
    subscription_id, source, request = chat.request(QUESTION)
    answer = answered(chat, subscription_id, source, request)

    direct = requests.post(
        f"{tgi.url}/generate",
        json={"inputs": QUESTION, "parameters": {"max_new_tokens": 64}},
        timeout=5,
    ).json()
    assert answer == direct["generated_text"]
    (fulfilment,) = fulfilments(coordinator, subscription_id)
    assert fulfilment["args"]["node"] == anvil_account(NODE).address


def test_the_consumer_receives_question_and_answer_twice_encoded(
    chat: Chat, coordinator: Contract, tgi: MockTGI
) -> None:
    tgi.script(Behaviour(text="Yes, and well. 🦐"))
    subscription_id, source, request = chat.request(QUESTION)
    assert answered(chat, subscription_id, source, request) == "Yes, and well. 🦐"

    (fulfilment,) = fulfilments(coordinator, subscription_id)
    sent = chat.by.web3.eth.get_transaction(fulfilment["transactionHash"])
    _, arguments = coordinator.decode_function_input(sent["input"])
    assert text_from_delivery(arguments["output"]) == "Yes, and well. 🦐"
    assert text_from_delivery(arguments["input"]) == QUESTION
    assert arguments["proof"] == b""


def test_a_recurring_subscription_is_answered_in_each_interval(
    scheduled: Contract, requester: Sender, coordinator: Contract, tgi: MockTGI
) -> None:
    questions = ["What is rice?", "What is shrimp?"]
    receipt = requester.send(
        scheduled.functions.schedule(questions, PERIOD, 1), "scheduling two questions"
    )
    (event,) = scheduled.events.ChatScheduled().process_receipt(receipt, DISCARD)
    subscription_id = event["args"]["subscriptionId"]

    logs = eventually(
        lambda: found if len(found := fulfilments(coordinator, subscription_id)) == 2 else None,
        "two intervals answered",
        60,
    )

    assert logs is not None
    blocks = [requester.web3.eth.get_block(log["blockNumber"])["timestamp"] for log in logs]
    active_at = coordinator.functions.getSubscription(subscription_id).call()[1]
    assert [(at - active_at) // PERIOD + 1 for at in blocks] == [1, 2]
    assert [call.json["inputs"] for call in tgi.generations] == questions
    for interval in (1, 2):
        assert scheduled.functions.answer(subscription_id, interval, 1).call()


def test_a_tgi_that_is_down_at_first_is_asked_again(
    chat: Chat, coordinator: Contract, tgi: MockTGI
) -> None:
    tgi.script(Behaviour(drop=True), UNAVAILABLE, UNAVAILABLE)
    subscription_id, source, request = chat.request(QUESTION)
    assert answered(chat, subscription_id, source, request)
    assert len(tgi.generations) == 4
    assert len(fulfilments(coordinator, subscription_id)) == 1


def test_a_tgi_that_refuses_leaves_nothing_on_chain_and_the_node_alive(
    stack: Stack, chat: Chat, coordinator: Contract, tgi: MockTGI
) -> None:
    tgi.script(REFUSED)
    refused, _, _ = chat.request(QUESTION)
    tgi.wait_for(lambda server: len(server.generations) == 1, 30)

    # A later request is answered: the node has gone past the refused one by then.
    subscription_id, source, request = chat.request(QUESTION)
    assert answered(chat, subscription_id, source, request)
    assert len(tgi.generations) == 2
    assert fulfilments(coordinator, refused) == []
    assert chat.consumer.functions.answer(refused).call() == ""
    assert requests.get(f"{stack.node_url}/health", timeout=5).json() == {"status": "healthy"}


def test_a_node_killed_before_it_has_an_answer_delivers_it_once(
    stack: Stack, chat: Chat, coordinator: Contract, tgi: MockTGI
) -> None:
    tgi.script(Behaviour(hold=True))
    subscription_id, source, request = chat.request(QUESTION)
    tgi.wait_for(lambda server: len(server.generations) == 1, 30)

    stack.processes["node"].kill()
    tgi.release()
    stack.start_node()

    assert answered(chat, subscription_id, source, request)
    # Another request is answered afterwards; by then a second delivery would have come.
    later, source, request = chat.request("And later?")
    answered(chat, later, source, request)
    assert len(fulfilments(coordinator, subscription_id)) == 1


def test_requests_made_while_the_node_is_down_are_answered_when_it_is_back(
    stack: Stack, chat: Chat, coordinator: Contract, tgi: MockTGI
) -> None:
    stack.processes["node"].kill()
    subscription_id, source, request = chat.request(QUESTION)
    stack.start_node()
    assert answered(chat, subscription_id, source, request)
    assert len(fulfilments(coordinator, subscription_id)) == 1
