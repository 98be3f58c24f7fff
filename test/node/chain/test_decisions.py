"""Every error of the contracts leads to the one decision that fits it."""

import pytest
from eth_abi.abi import encode
from eth_utils.crypto import keccak

from infernet_node.chain.decisions import Action, Step, decide, is_allowed
from infernet_node.chain.rpc_errors import RevertError
from infernet_protocol.contract_errors import NAMES

CASES = {
    # error: (recurring, callback, level, what the log line must contain)
    "InvalidWallet": (Action.CHECK_WALLETS, None, "error", "Invalid wallet, please make sure"),
    "IntervalMismatch": (Action.NEXT_BLOCK, None, "error", "Interval mismatch. The interval is"),
    "IntervalCompleted": (Action.ANSWERED_BY_ANOTHER, None, "info", "Interval completed. Redund"),
    "UnauthorizedVerifier": (Action.BACK_OFF, None, "error", "Verifier is not authorized."),
    "NodeRespondedAlready": (Action.ANSWERED, None, "info", "Node already responded for this"),
    "SubscriptionNotFound": (Action.REREAD, None, "error", "Subscription not found"),
    "ProofRequestNotFound": (Action.BACK_OFF, None, "error", "Proof request not found"),
    "NotSubscriptionOwner": (Action.BACK_OFF, None, "error", "Caller is not the owner of the"),
    "SubscriptionCompleted": (Action.EXPIRED, None, "info", "Subscription is already completed"),
    "SubscriptionNotActive": (Action.REREAD, None, "error", "Subscription is not active"),
    "UnsupportedVerifierToken": (Action.FAIL, Action.DROP, "error", "Unsupported verifier token"),
    "SignerMismatch": (Action.DROP, None, "error", "Signer does not match."),
    "SignatureExpired": (Action.DROP, None, "error", "EIP-712 Signature has expired."),
    "InvalidSignature": (Action.DROP, None, "error", "Signature is not valid."),
    "TransferFailed": (Action.BACK_OFF, None, "error", "Token transfer failed."),
    "ETHTransferFailed": (Action.BACK_OFF, None, "error", "Transfer of the native coin failed."),
    "InsufficientFunds": (Action.BACK_OFF, None, "error", "`amount > unlockedBalance`or attempt"),
    "InsufficientAllowance": (Action.BACK_OFF, None, "error", "Insufficient allowance."),
    "NodeNotAllowed": (Action.FAIL, Action.DROP, "error", "Node is not allowed to deliver this"),
    "InsufficientBalance": (Action.BACK_OFF, None, "error", "Insufficient balance."),
}
NEVER_DELIVERIES = {
    "AlreadyInitialized",
    "NewOwnerIsZeroAddress",
    "NoHandoverRequest",
    "NotCoordinator",
    "Reentrancy",
    "Unauthorized",
}
"""Errors of ownership, and those that only a consumer's own doing can bring about."""


def custom(name: str) -> RevertError:
    return RevertError("execution reverted", keccak(text=f"{name}()")[:4])


def test_no_error_of_the_contracts_is_left_out() -> None:
    assert set(CASES) | NEVER_DELIVERIES == set(NAMES)


@pytest.mark.parametrize("name", CASES)
@pytest.mark.parametrize("step", Step)
def test_w_22_a_known_error_is_taken_alike_before_and_after_computing(
    name: str, step: Step
) -> None:
    recurring, callback, level, message = CASES[name]
    decision = decide(custom(name), step)

    assert decision.action(is_callback=False) is recurring
    assert decision.action(is_callback=True) is (callback or recurring)
    assert decision.level == level
    assert message in decision.message


@pytest.mark.parametrize("name", sorted(NEVER_DELIVERIES))
def test_other_errors_are_the_consumers_own(name: str) -> None:
    assert decide(custom(name), Step.DELIVERY).recurring is Action.BACK_OFF


def test_a_consumer_may_refuse_made_up_output_and_yet_take_the_real_one() -> None:
    refusal = RevertError("execution reverted", b"")

    assert decide(refusal, Step.REHEARSAL).callback is Action.GO_ON
    assert decide(refusal, Step.DELIVERY).callback is Action.BACK_OFF


def test_an_error_is_known_by_its_first_bytes_only() -> None:
    hidden = RevertError("execution reverted", bytes(4) + keccak(text="InvalidWallet()")[:4])

    assert decide(hidden, Step.DELIVERY).recurring is Action.BACK_OFF


def test_allowed_errors_are_found_in_any_case_and_in_the_reason() -> None:
    data = bytes.fromhex("08c379a0") + encode(["string"], ["I am Reverting today"])
    error = RevertError("execution reverted", data)

    assert is_allowed(error, ["reverting"])
    assert is_allowed(custom("InvalidWallet"), ["invalidwallet"])
    assert not is_allowed(error, ["something else"])
    assert not is_allowed(error, [])
