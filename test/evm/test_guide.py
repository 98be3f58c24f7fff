"""The web3.py sample of the guide for contract authors, against the sample contract made whole."""

import re
from typing import Any

from web3 import Web3

from infernet_protocol.hashing import container_id
from infernet_protocol.output import encode_text, text_from_delivery
from infernet_testing.eth_tester import Web3Infernet
from scripts.artifacts import OUT
from test.docs import guide

(SAMPLE,) = re.findall(
    r"^```python\n(.*?)^```$", guide.section("The sample of Infernet's guide"), re.M | re.S
)


def test_one_transaction_asks_and_the_answer_comes_by_itself(
    infernet: Web3Infernet, web3: Web3
) -> None:
    path = OUT / "MyOnchainSubscription.sol" / "MyOnchainSubscription.json"
    consumer = infernet.deploy(path, infernet.registry)
    names: dict[str, Any] = {
        "w3": web3,
        "contract_address": consumer.address,
        "contract_abi": consumer.abi,
    }
    exec(SAMPLE, names)

    receipt = web3.eth.wait_for_transaction_receipt(names["transaction"])
    created = infernet.coordinator.events.SubscriptionCreated().process_log(receipt["logs"][0])
    asked = created["args"]["id"]
    inputs = consumer.functions.getContainerInputs(asked, 1, 0, infernet.node).call()
    assert inputs == encode_text("Can shrimp actually fry rice fr?")
    assert infernet.subscription(asked).container_id == container_id("my-container")

    infernet.answer(asked, "Yes, but rarely.")
    (received,) = consumer.events.OutputReceived().get_logs(from_block=0)
    assert int.from_bytes(received["args"]["taskId"]) == asked
    assert text_from_delivery(received["args"]["output"]) == "Yes, but rarely."
    assert received["args"]["proof"] == b""
    assert infernet.refusal(asked, "Once more.").name == "IntervalCompleted"
