"""The calls of contracts are those of the contracts."""

import pytest
from eth_utils.abi import function_signature_to_4byte_selector

from infernet_node.chain import contracts
from infernet_node.chain.contracts import Coordinator, Function
from infernet_node.chain.rpc_errors import RevertError
from infernet_protocol.abis import abi

SELECTORS = {
    "COORDINATOR": "3b2bcbf1",
    "READER": "698eec44",
    "WALLET_FACTORY": "0e2009f4",
    "id": "af640d0f",
    "getSubscription": "a17b920b",
    "redundancyCount": "bc85694f",
    "readSubscriptionBatch": "3ddc29f5",
    "readRedundancyCountBatch": "757f1c84",
    "deliverCompute": "c509543d",
    "nodeResponded": "298f7bdc",
    "delegateCreatedIds": "60ed0f61",
    "isValidWallet": "439a3012",
    "getContainerInputs": "962fad75",
    "getSigner": "7ac3c02f",
    "approve": "e1f21c67",
    "allowance": "dd62ed3e",
    "owner": "8da5cb5b",
    "deliverComputeDelegatee": "9fff314a",
    "balanceOf": "70a08231",
    "finalizeProofVerification": "196ab123",
    "proofRequests": "c34cf5c7",
}
FUNCTIONS = {value.name: value for value in vars(contracts).values() if isinstance(value, Function)}
SHIPPED = (
    "Registry",
    "EIP712Coordinator",
    "Reader",
    "Wallet",
    "WalletFactory",
    "ChatConsumer",
    "DelegatedChat",
)


def test_every_function_has_its_published_selector() -> None:
    assert {name: function.selector.hex() for name, function in FUNCTIONS.items()} == SELECTORS


@pytest.mark.parametrize("name", sorted(SELECTORS.keys() - {"balanceOf"}))
def test_results_are_those_of_the_compiled_contracts(name: str) -> None:
    function = FUNCTIONS[name]
    entries = [
        entry
        for contract in SHIPPED
        for entry in abi(contract)
        if entry["type"] == "function" and entry["name"] == name
    ]
    assert entries
    for entry in entries:
        inputs = [_type(parameter) for parameter in entry["inputs"]]
        assert f"{name}({','.join(inputs)})" == function.signature
        outputs = [_type(parameter) for parameter in entry["outputs"]]
        assert outputs == list(function.outputs)
        assert function_signature_to_4byte_selector(function.signature) == function.selector


def _type(parameter: dict[str, object]) -> str:
    kind = str(parameter["type"])
    if not kind.startswith("tuple"):
        return kind
    components = parameter["components"]
    assert isinstance(components, list)
    return f"({','.join(_type(part) for part in components)}){kind.removeprefix('tuple')}"


def test_an_address_without_contract_reverts_instead_of_answering_nothing() -> None:
    with pytest.raises(RevertError, match="did not return"):
        Coordinator("0x" + "11" * 20).next_id().result("0x")
