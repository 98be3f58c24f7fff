"""EIP-712 vectors: a signature over another digest is one the contract refuses."""

import dataclasses

import pytest
from eth_account.messages import SignableMessage, _hash_eip191_message
from hypothesis import given
from hypothesis import strategies as st

from infernet_protocol.delegation import Signature, recover, sign, signable_message
from infernet_protocol.hashing import UINT32_MAX, container_id
from infernet_protocol.subscription import ZERO_ADDRESS, Subscription

KEY = "0xac0974bec39a17e36ba4a6b4d238ff944bacb478cbed5efcae784d7bf4f2ff80"
SIGNER = "0xf39Fd6e51aad88F6F4ce6aB8827279cffFb92266"
COORDINATOR = "0x2E983A1Ba5e8b38AAAeC4B440B9dDcFBf72E15d1"

SAMPLE = Subscription(
    owner="0x00Bd138aBD70e2F00903268F3Db08f2D25677C2B",
    active_at=0,
    period=3,
    frequency=2,
    redundancy=2,
    container_id=container_id("tgi_client_inference_service"),
    lazy=False,
    verifier=ZERO_ADDRESS,
    payment_amount=0,
    payment_token=ZERO_ADDRESS,
    wallet=ZERO_ADDRESS,
)


def address(byte: str) -> str:
    return "0x" + byte * 20


def digest(message: SignableMessage) -> str:
    return _hash_eip191_message(message).hex()


def test_digest_with_every_field_set() -> None:
    subscription = Subscription(
        owner=address("11"),
        active_at=1700000000,
        period=60,
        frequency=3,
        redundancy=2,
        container_id=container_id("container"),
        lazy=True,
        verifier=address("22"),
        payment_amount=1000000,
        payment_token=address("33"),
        wallet=address("44"),
    )
    message = signable_message(
        subscription, nonce=7, expiry=1700003600, chain_id=31337, coordinator=address("55")
    )
    assert message.header.hex() == (
        "fe53baa5c2f7ed83c56370523d5b2d5b37b29f7e7d07df19e0f7c0a2d856c790"
    )
    assert message.body.hex() == (
        "d2b8a0105eeac5fdb5c2a6b841c2a1a0f9c0c40031f40d6646611b387cbd2e5c"
    )
    assert digest(message) == "55fb2aef9b934ebc253a995ad54e7341a7370a8e9819bf8c5b0835d382f27f18"


@pytest.mark.parametrize(
    ("nonce", "expected"),
    [
        (
            0,
            Signature(
                0,
                1713376164,
                28,
                2955817093475689263392493561611360503387059498792322403832336826593140147914,
                56385797873850497278910501628674046078551593036414119113895922497175381393621,
            ),
        ),
        (
            7,
            Signature(
                7,
                1713376164,
                27,
                51621409090128064655151120929219203950011930212420712843915262427967626296584,
                53345606311899622553584674442236647989569301832788643990013046095795568686054,
            ),
        ),
    ],
)
def test_signature_of_the_sample_subscription(nonce: int, expected: Signature) -> None:
    signature = sign(
        SAMPLE,
        nonce=nonce,
        expiry=1713376164,
        chain_id=31337,
        coordinator=COORDINATOR,
        private_key=KEY,
    )
    assert signature == expected
    assert recover(SAMPLE, signature, chain_id=31337, coordinator=COORDINATOR) == SIGNER


@given(nonce=st.integers(0, UINT32_MAX), expiry=st.integers(0, UINT32_MAX))
def test_recovery_returns_the_signer_for_every_nonce_and_expiry(nonce: int, expiry: int) -> None:
    signature = sign(
        SAMPLE,
        nonce=nonce,
        expiry=expiry,
        chain_id=31337,
        coordinator=COORDINATOR,
        private_key=KEY,
    )
    assert recover(SAMPLE, signature, chain_id=31337, coordinator=COORDINATOR) == SIGNER


@pytest.mark.parametrize(
    "change",
    [
        {"owner": address("11")},
        {"active_at": 1},
        {"period": 4},
        {"frequency": 3},
        {"redundancy": 1},
        {"container_id": container_id("other")},
        {"lazy": True},
        {"verifier": address("22")},
        {"payment_amount": 1},
        {"payment_token": address("33")},
        {"wallet": address("44")},
    ],
)
def test_no_field_can_be_changed_after_signing(change: dict[str, object]) -> None:
    signature = sign(
        SAMPLE, nonce=0, expiry=9, chain_id=31337, coordinator=COORDINATOR, private_key=KEY
    )
    changed = dataclasses.replace(SAMPLE, **change)  # type: ignore[arg-type]
    assert recover(changed, signature, chain_id=31337, coordinator=COORDINATOR) != SIGNER


def test_numbers_that_are_no_signature_are_named() -> None:
    nonsense = Signature(nonce=0, expiry=9, v=27, r=0, s=0)
    with pytest.raises(ValueError, match=r"^signature: v, r and s"):
        recover(SAMPLE, nonsense, chain_id=31337, coordinator=COORDINATOR)
