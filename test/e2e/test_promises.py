"""Promises of the user's document that take a whole stack; see docs/checklist.md."""

import json
import subprocess
from collections.abc import Iterator
from pathlib import Path
from time import time
from typing import Any

import pytest
import requests
from web3.contract import Contract
from web3.logs import DISCARD

from infernet_client.chain_utils import RPC, ZERO_ADDRESS, Subscription
from infernet_client.node import NodeClient
from infernet_protocol.output import encode_text, text_from_delivery
from scripts import artifacts
from scripts.accounts import anvil_account
from scripts.chain import Sender
from scripts.chat import Chat
from scripts.delegation import created_id
from scripts.deployment import CONTAINER, create
from scripts.processes import Process, answers, free_port
from scripts.stack import BIN, START_SECONDS, Stack
from test.e2e.conftest import eventually, finished_job, fulfilments
from test.support.mock_tgi import MockTGI

QUESTION = "Can shrimp actually fry rice fr?"
SAMPLE_CONTAINER = "my-container"
"""As the sample contract names it."""
# Accounts that nothing else in the stack uses.
SECOND_NODE, SIGNER = anvil_account(7), anvil_account(8)


@pytest.fixture
def second_node(stack: Stack, tmp_path: Path) -> Iterator[str]:
    """Another node on the same chain, for the stack's container under both names; its URL."""
    config = json.loads(stack.configure_node().read_text())
    port = free_port()
    config["log"]["path"] = str(tmp_path / "second_node.log")
    config["server"]["port"] = port
    config["store"]["url"] = f"sqlite+aiosqlite:///{tmp_path / 'second_node.sqlite'}"
    config["chain"]["wallet"]["private_key"] = "0x" + SECOND_NODE.key.hex().removeprefix("0x")
    (container,) = config["containers"]
    config["containers"].append({**container, "id": SAMPLE_CONTAINER})
    path = tmp_path / "second_node.json"
    path.write_text(json.dumps(config))
    command = [str(BIN / "infernet-node"), "run", "--config", str(path)]
    process = Process.start("second node", command, log=tmp_path / "second_node.out")
    try:
        process.wait_until(lambda: answers(f"http://127.0.0.1:{port}/health/ready"), START_SECONDS)
        yield f"http://127.0.0.1:{port}"
    finally:
        process.stop()


def test_any_configured_container_answers_the_contract_of_the_sample(
    stack: Stack, requester: Sender, second_node: str, tgi: MockTGI
) -> None:
    created = create(requester, "MyOnchainSubscription", stack.contracts["Registry"].address)
    contract = requester.web3.eth.contract(
        created.address, abi=artifacts.load("MyOnchainSubscription").abi
    )
    receipt = requester.send(contract.functions.chatWithLLM(encode_text(QUESTION)), "asking")
    (asked,) = contract.events.ComputeRequested().process_receipt(receipt, DISCARD)

    (received,) = eventually(
        lambda: contract.events.OutputReceived().get_logs(from_block=receipt["blockNumber"]),
        "the sample contract is answered",
    )

    assert received["args"]["taskId"] == asked["args"]["taskId"]
    assert text_from_delivery(received["args"]["output"])
    assert received["args"]["proof"] == b""
    assert [call.json["inputs"] for call in tgi.generations] == [QUESTION]


def test_with_redundancy_two_both_nodes_answer_each_of_the_intervals(
    scheduled: Contract, requester: Sender, coordinator: Contract, stack: Stack, second_node: str
) -> None:
    receipt = requester.send(
        scheduled.functions.schedule(["What is rice?", "What is shrimp?"], 6, 2), "scheduling"
    )
    (event,) = scheduled.events.ChatScheduled().process_receipt(receipt, DISCARD)
    subscription_id = event["args"]["subscriptionId"]

    logs = eventually(
        lambda: found if len(found := fulfilments(coordinator, subscription_id)) == 4 else [],
        "both nodes answered both intervals",
        60,
    )

    active_at, period = coordinator.functions.getSubscription(subscription_id).call()[1:3]
    stamps = [requester.web3.eth.get_block(log["blockNumber"])["timestamp"] for log in logs]
    answered = {
        ((at - active_at) // period + 1, log["args"]["node"])
        for at, log in zip(stamps, logs, strict=True)
    }
    first = requests.get(f"{stack.node_url}/info", timeout=5).json()["chain"]["address"]
    assert answered == {(n, node) for n in (1, 2) for node in (first, SECOND_NODE.address)}


def by_http(stack: Stack) -> Any:
    job = {"containers": [CONTAINER], "data": {"text": QUESTION}}
    job_id = requests.post(f"{stack.node_url}/api/jobs", json=job, timeout=5).json()["id"]
    return finished_job(stack, job_id)["result"]["output"]


def by_command(stack: Stack) -> Any:
    done = subprocess.run(
        [str(BIN / "infernet-client"), "job", "-c", CONTAINER, "--sync"],
        input=json.dumps({"text": QUESTION}),
        env={"SERVER_URL": stack.node_url},
        capture_output=True,
        text=True,
        check=True,
        timeout=60,
    )
    return json.loads(done.stdout)


async def test_three_ways_off_chain_give_the_same_result(stack: Stack, tgi: MockTGI) -> None:
    client = NodeClient(stack.node_url, raw_results=True)
    result = await client.run(CONTAINER, {"text": QUESTION})

    assert result["result"]
    assert result["result"]["output"] == by_command(stack) == by_http(stack)  # type: ignore[typeddict-item]
    assert [call.json["inputs"] for call in tgi.generations] == [QUESTION] * 3
    assert len({json.dumps(call.json) for call in tgi.generations}) == 1


async def test_two_ways_on_chain_give_the_same_output_while_others_ask_off_chain(
    stack: Stack, chat: Chat, requester: Sender, coordinator: Contract, tgi: MockTGI
) -> None:
    owner = create(
        requester, "DelegatedChat", stack.contracts["Registry"].address, SIGNER.address
    ).address
    asked, _, _ = chat.request(QUESTION)
    await NodeClient(stack.node_url).request_delegated_subscription(
        sub=Subscription(
            owner, 0, 0, 1, 1, [CONTAINER], False, ZERO_ADDRESS, 0, ZERO_ADDRESS, ZERO_ADDRESS
        ),
        rpc=RPC(stack.rpc_url),
        coordinator_address=coordinator.address,
        expiry=int(time() + 10),
        nonce=1,
        private_key=SIGNER.key.hex(),
        data={"text": QUESTION},
    )
    off_chain = by_http(stack)
    signed = eventually(lambda: created_id(coordinator, owner, 1), "the subscription is created")

    outputs = [
        delivered_output(coordinator, subscription_id) for subscription_id in (asked, signed)
    ]

    assert outputs[0] == outputs[1]
    assert text_from_delivery(outputs[0]) == off_chain["output"]


def delivered_output(coordinator: Contract, subscription_id: int) -> bytes:
    """Waits for the only answer to a subscription and returns what its consumer was given."""
    (log,) = eventually(
        lambda: fulfilments(coordinator, subscription_id), f"{subscription_id} is answered"
    )
    sent = coordinator.w3.eth.get_transaction(log["transactionHash"])
    return bytes(coordinator.decode_function_input(sent["input"])[1]["output"])
