"""The core flows of the example consumer on py-evm."""

import pytest
from eth_tester import EthereumTester
from web3 import EthereumTesterProvider, Web3

from infernet_protocol.abis import abi
from infernet_protocol.hashing import container_id, interval_key, response_key
from infernet_protocol.output import encode_text, output_from_text
from infernet_protocol.subscription import ZERO_ADDRESS, Subscription
from infernet_testing.eth_tester import Web3Infernet
from scripts.accounts import DEPLOYER, NODE, anvil_account
from scripts.chain import Sender
from scripts.chat import Chat
from scripts.deployment import CONTAINER, deploy_core
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
FIRST_WALLET = "0x60985ee8192B322c3CAbA97A9A9f7298bdc4335C"


def test_the_documented_deployer_gets_the_documented_addresses(infernet: Web3Infernet) -> None:
    core = {
        "Registry": infernet.registry,
        "EIP712Coordinator": infernet.coordinator,
        "Inbox": infernet.inbox,
        "Reader": infernet.reader,
        "Fee": infernet.fee,
        "WalletFactory": infernet.wallet_factory,
    }
    assert {name: contract.address for name, contract in core.items()} == DOCUMENTED
    assert infernet.node_wallet.address == FIRST_WALLET


def test_the_scripts_deploy_on_py_evm_too() -> None:
    tester = EthereumTester()
    web3 = Web3(EthereumTesterProvider(tester))
    deployer = anvil_account(DEPLOYER)
    tester.send_transaction(
        {"from": web3.eth.accounts[0], "to": deployer.address, "value": 10**18, "gas": 21_000}
    )
    created = deploy_core(Sender(web3, deployer), deployer.address, 0)
    assert {item.name: item.address for item in created} == DOCUMENTED


def test_a_question_becomes_a_free_one_off_subscription(chat: Chat, infernet: Web3Infernet) -> None:
    subscription_id, source, receipt = chat.request(QUESTION)
    block = chat.by.web3.eth.get_block(receipt["blockNumber"])
    assert source == infernet.coordinator.address
    assert infernet.subscription(subscription_id) == Subscription(
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


def test_a_node_reads_the_question_from_the_consumer(chat: Chat, infernet: Web3Infernet) -> None:
    subscription_id, _, _ = chat.request(QUESTION)
    inputs = chat.consumer.functions.getContainerInputs(subscription_id, 1, 0, infernet.node).call()
    assert inputs == encode_text(QUESTION)


def test_the_answer_arrives_in_the_contract(chat: Chat, infernet: Web3Infernet) -> None:
    subscription_id, source, receipt = chat.request(QUESTION)
    assert chat.delivery(subscription_id, source, receipt["blockNumber"]) is None

    infernet.answer(subscription_id, "Yes, and well. 🦐")

    found = chat.delivery(subscription_id, source, receipt["blockNumber"])
    assert found is not None
    assert found[0] == infernet.node
    assert chat.consumer.functions.answer(subscription_id).call() == "Yes, and well. 🦐"
    state = infernet.coordinator.functions
    assert state.redundancyCount(interval_key(subscription_id, 1)).call() == 1
    assert state.nodeResponded(response_key(subscription_id, 1, infernet.node)).call() is True


def test_a_second_answer_is_refused_by_name(chat: Chat, infernet: Web3Infernet) -> None:
    subscription_id, _, _ = chat.request(QUESTION)
    infernet.answer(subscription_id, "Yes.")
    assert infernet.refusal(subscription_id, "No.").name == "IntervalCompleted"
    assert chat.consumer.functions.answer(subscription_id).call() == "Yes."


@pytest.fixture
def node(eth_tester: EthereumTester) -> Sender:
    """The node's account, as scripts use it on this chain."""
    web3 = Web3(EthereumTesterProvider(eth_tester))
    web3.middleware_onion.inject(NamedReverts, layer=0)
    return Sender(web3, anvil_account(NODE))


def test_only_the_coordinator_may_call_back(chat: Chat, node: Sender) -> None:
    consumer = node.web3.eth.contract(chat.consumer.address, abi=abi("ChatConsumer"))
    call = consumer.functions.rawReceiveCompute(
        1, 1, 1, node.address, b"", output_from_text("forged"), b"", b"\0" * 32, 0
    )
    with pytest.raises(ScriptError, match=r"^forging would revert: NotCoordinator$"):
        node.send(call, "forging")


def test_scripts_name_a_revert_as_on_any_other_chain(node: Sender, infernet: Web3Infernet) -> None:
    coordinator = node.web3.eth.contract(infernet.coordinator.address, abi=abi("EIP712Coordinator"))
    call = coordinator.functions.deliverCompute(99, 1, b"", b"", b"", ZERO_ADDRESS)
    with pytest.raises(ScriptError, match=r"^delivering would revert: SubscriptionNotFound$"):
        node.send(call, "delivering")
