"""No answer, a refusal and a revert are told apart, however a client words them."""

from typing import Any

import pytest
from eth_abi.abi import encode

from infernet_node.chain.rpc_errors import (
    RefusedError,
    RevertError,
    RpcError,
    TransportError,
    from_error_object,
)
from infernet_node.chain.sending import Verdict, verdict

INVALID_WALLET = "0x23455ba1"


@pytest.mark.parametrize(
    ("error", "kind"),
    [
        ({"code": 3, "message": "execution reverted", "data": "0x"}, RevertError),
        ({"code": 3, "message": "execution reverted", "data": INVALID_WALLET}, RevertError),
        ({"code": -32015, "message": "VM execution error.", "data": "Reverted 0x"}, RevertError),
        ({"code": -32603, "message": "EVM error OutOfGas"}, RevertError),
        ({"code": -32603, "message": "EVM error InvalidFEOpcode"}, RevertError),
        ({"code": -32000, "message": "gas required exceeds allowance (5000000)"}, RevertError),
        ({"code": -32000, "message": "out of gas"}, RevertError),
        ({"code": -32601, "message": "Method not found"}, RefusedError),
        ({"code": -32000, "message": "header not found"}, RefusedError),
        ({"code": -32000, "message": "missing trie node"}, RefusedError),
        ({"code": -32603, "message": "Internal error"}, RefusedError),
        ({"code": -32005, "message": "limit exceeded"}, TransportError),
        ({"code": 429, "message": "Too many requests"}, TransportError),
        ("oops", TransportError),
    ],
)
def test_an_error_object_is_classified(error: Any, kind: type[RpcError]) -> None:
    assert type(from_error_object(error)) is kind


@pytest.mark.parametrize(
    "data",
    [
        INVALID_WALLET,
        f"Reverted {INVALID_WALLET}",
        {"data": INVALID_WALLET},
        {"result": INVALID_WALLET, "reason": None},
    ],
)
def test_revert_data_is_found_where_clients_put_it(data: Any) -> None:
    error = from_error_object({"code": -32000, "message": "reverted", "data": data})

    assert isinstance(error, RevertError)
    assert error.name == "InvalidWallet"
    assert "InvalidWallet" in error.text


def test_reasons_are_spelled_out() -> None:
    message = bytes.fromhex("08c379a0") + encode(["string"], ["no thanks"])
    panic = bytes.fromhex("4e487b71") + encode(["uint256"], [0x11])

    assert RevertError("execution reverted", message).text == "execution reverted: no thanks"
    assert "panic 0x11" in RevertError("execution reverted", panic).text


def test_a_reason_that_the_endpoint_spells_out_is_not_said_twice() -> None:
    message = bytes.fromhex("08c379a0") + encode(["string"], ["no thanks"])

    error = RevertError("execution reverted: no thanks", message)

    assert error.text == "execution reverted: no thanks"


@pytest.mark.parametrize("data", [b"\x08\xc3\x79\xa0", bytes.fromhex("08c379a0") + b"\xff" * 64])
def test_a_bomb_that_looks_like_a_reason_does_no_harm(data: bytes) -> None:
    assert RevertError("execution reverted", data).text.startswith("execution reverted")


@pytest.mark.parametrize(
    ("message", "meaning"),
    [
        ("already known", Verdict.KNOWN),
        ("transaction already imported", Verdict.KNOWN),
        ("ALREADY_EXISTS: already known", Verdict.KNOWN),
        ("nonce too low: next nonce 5, tx nonce 3", Verdict.NONCE_USED),
        ("replacement transaction underpriced", Verdict.UNDERPRICED),
        ("max fee per gas less than block base fee", Verdict.UNDERPRICED),
        ("Insufficient funds for gas * price + value", Verdict.UNFUNDED),
        ("intrinsic gas too low", Verdict.REJECTED),
        ("exceeds block gas limit", Verdict.REJECTED),
        ("invalid sender", Verdict.REJECTED),
        ("the moon is full", Verdict.UNKNOWN),
    ],
)
def test_a_refused_send_is_read(message: str, meaning: Verdict) -> None:
    assert verdict(RefusedError(-32000, message)) is meaning


def test_a_send_without_answer_is_unknown_whatever_it_says() -> None:
    assert verdict(TransportError("nonce too low")) is Verdict.UNKNOWN
