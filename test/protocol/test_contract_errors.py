import pytest

from infernet_protocol.contract_errors import SELECTORS, error_name


@pytest.mark.parametrize(
    ("selector", "name"),
    [
        ("23455ba1", "InvalidWallet"),
        ("4db310c3", "IntervalMismatch"),
        ("2f4ca85b", "IntervalCompleted"),
        ("b9857aa1", "UnauthorizedVerifier"),
        ("88a21e4f", "NodeRespondedAlready"),
        ("1a00354f", "SubscriptionNotFound"),
        ("1d68b37c", "ProofRequestNotFound"),
        ("a7fba711", "NotSubscriptionOwner"),
        ("ae6704a7", "SubscriptionCompleted"),
        ("efb74efe", "SubscriptionNotActive"),
        ("e2372799", "UnsupportedVerifierToken"),
        ("10c74b03", "SignerMismatch"),
        ("0819bdcd", "SignatureExpired"),
        ("8baa579f", "InvalidSignature"),
        ("90b8ec18", "TransferFailed"),
        ("b12d13eb", "ETHTransferFailed"),
        ("356680b7", "InsufficientFunds"),
        ("13be252b", "InsufficientAllowance"),
        ("f4d678b8", "InsufficientBalance"),
        ("42764946", "NodeNotAllowed"),
        ("9ec853e6", "NotCoordinator"),
        ("ab143c06", "Reentrancy"),
        ("82b42900", "Unauthorized"),
        ("7448fbae", "NewOwnerIsZeroAddress"),
        ("6f5e8818", "NoHandoverRequest"),
        ("0dc149f0", "AlreadyInitialized"),
    ],
)
def test_selector(selector: str, name: str) -> None:
    assert error_name(bytes.fromhex(selector) + b"rest") == name


def test_every_error_is_in_the_table_above_once() -> None:
    assert len(SELECTORS) == 26


def test_foreign_revert_data_has_no_name() -> None:
    assert error_name(b"") is None
    assert error_name(bytes.fromhex("08c379a0")) is None
