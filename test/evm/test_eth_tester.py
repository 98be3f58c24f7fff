import re
from contextlib import AbstractContextManager

import pytest
from eth_abi.abi import encode
from eth_tester import EthereumTester
from eth_tester.exceptions import TransactionFailed
from web3 import EthereumTesterProvider, Web3
from web3.contract import Contract

from infernet_protocol.abis import abi
from infernet_protocol.contract_errors import SELECTORS
from infernet_protocol.hashing import container_id, interval_key, response_key
from infernet_protocol.output import encode_text
from infernet_protocol.subscription import ZERO_ADDRESS, Subscription
from scripts.accounts import NODE, REQUESTER, anvil_account
from scripts.chain import Sender
from scripts.chat import Chat
from scripts.deployment import CONTAINER, Creation
from scripts.errors import ScriptError
from scripts.networks import NamedReverts

QUESTION = "Can shrimp actually fry rice fr?"
DOCUMENTED = {
    "Registry": "0x663F3ad617193148711d28f5334eE4Ed07016602",
    "EIP712Coordinator": "0x2E983A1Ba5e8b38AAAeC4B440B9dDcFBf72E15d1",
    "Inbox": "0x8438Ad1C834623CfF278AB6829a248E37C2D7E3f",
    "Reader": "0xBC9129Dc0487fc2E169941C75aABC539f208fb01",
    "Fee": "0x6e989C01a3e3A94C973A62280a72EC335598490e",
    "WalletFactory": "0xF6168876932289D073567f347121A267095f3DD6",
}


@pytest.fixture
def coordinator(web3: Web3, contracts: dict[str, Creation]) -> Contract:
    address = contracts["EIP712Coordinator"].address
    contract: Contract = web3.eth.contract(address, abi=abi("EIP712Coordinator"))
    return contract


@pytest.fixture
def chat(web3: Web3, contracts: dict[str, Creation]) -> Chat:
    requester = Sender(web3, anvil_account(REQUESTER))
    return Chat(requester, contracts["ChatConsumer"].address)


def output_of(answer: str) -> bytes:
    """What a node delivers for a text answer."""
    return encode(["bytes", "bytes"], [encode_text(answer), b""])


def refused(name: str) -> AbstractContextManager[object]:
    """Expects a revert with the contract error of that name, as eth-tester reports it."""
    selector = next(key for key, known in SELECTORS.items() if known == name)
    return pytest.raises(TransactionFailed, match=re.escape(repr(selector)))


def deliver(node: Sender, coordinator: Contract, subscription_id: int, answer: str) -> None:
    call = coordinator.functions.deliverCompute(
        subscription_id, 1, b"", output_of(answer), b"", ZERO_ADDRESS
    )
    node.send(call, "delivering")


def test_the_documented_deployer_gets_the_documented_addresses(
    contracts: dict[str, Creation],
) -> None:
    assert {name: contracts[name].address for name in DOCUMENTED} == DOCUMENTED


def test_a_question_becomes_a_free_one_off_subscription(chat: Chat, coordinator: Contract) -> None:
    subscription_id, source, receipt = chat.request(QUESTION)
    stored = Subscription.from_abi(coordinator.functions.getSubscription(subscription_id).call())
    block = chat.by.web3.eth.get_block(receipt["blockNumber"])
    assert source == coordinator.address
    assert stored == Subscription(
        owner=chat.consumer.address,
        active_at=block["timestamp"],
        period=0,
        frequency=1,
        redundancy=1,
        container_id=container_id(CONTAINER),
        lazy=False,
        verifier=ZERO_ADDRESS,
        payment_amount=0,
        payment_token=ZERO_ADDRESS,
        wallet=ZERO_ADDRESS,
    )


def test_a_node_reads_the_question_from_the_consumer(chat: Chat, node: Sender) -> None:
    subscription_id, _, _ = chat.request(QUESTION)
    inputs = chat.consumer.functions.getContainerInputs(subscription_id, 1, 0, node.address).call()
    assert inputs == encode_text(QUESTION)


def test_the_answer_arrives_in_the_contract(
    chat: Chat, coordinator: Contract, node: Sender
) -> None:
    subscription_id, source, receipt = chat.request(QUESTION)
    assert chat.delivery(subscription_id, source, receipt["blockNumber"]) is None

    deliver(node, coordinator, subscription_id, "Yes, and well. 🦐")

    found = chat.delivery(subscription_id, source, receipt["blockNumber"])
    assert found is not None
    assert found[0] == node.address
    assert chat.consumer.functions.answer(subscription_id).call() == "Yes, and well. 🦐"
    assert coordinator.functions.redundancyCount(interval_key(subscription_id, 1)).call() == 1
    key = response_key(subscription_id, 1, node.address)
    assert coordinator.functions.nodeResponded(key).call() is True


def test_a_second_answer_is_refused_by_name(
    chat: Chat, coordinator: Contract, node: Sender
) -> None:
    subscription_id, _, _ = chat.request(QUESTION)
    deliver(node, coordinator, subscription_id, "Yes.")
    with refused("IntervalCompleted"):
        deliver(node, coordinator, subscription_id, "No.")
    assert chat.consumer.functions.answer(subscription_id).call() == "Yes."


def test_an_unknown_subscription_is_refused_by_name(coordinator: Contract, node: Sender) -> None:
    with refused("SubscriptionNotFound"):
        deliver(node, coordinator, 99, "Yes.")


def test_only_the_coordinator_may_call_back(chat: Chat, node: Sender) -> None:
    call = chat.consumer.functions.rawReceiveCompute(
        1, 1, 1, node.address, b"", output_of("forged"), b"", b"\0" * 32, 0
    )
    with refused("NotCoordinator"):
        node.send(call, "forging")


def test_scripts_name_a_revert_as_on_any_other_chain(
    tester: EthereumTester, contracts: dict[str, Creation]
) -> None:
    web3 = Web3(EthereumTesterProvider(tester))
    web3.middleware_onion.inject(NamedReverts, layer=0)
    address = contracts["EIP712Coordinator"].address
    coordinator = web3.eth.contract(address, abi=abi("EIP712Coordinator"))
    with pytest.raises(ScriptError, match=r"^delivering would revert: SubscriptionNotFound$"):
        deliver(Sender(web3, anvil_account(NODE)), coordinator, 99, "Yes.")
