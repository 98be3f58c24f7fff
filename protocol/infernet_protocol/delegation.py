"""EIP-712 form of a subscription that a signer creates for a consumer without a transaction."""

from dataclasses import dataclass
from typing import Any

from eth_account import Account
from eth_account.messages import SignableMessage, encode_typed_data

from infernet_protocol.subscription import Subscription

DOMAIN_NAME = "InfernetCoordinator"
DOMAIN_VERSION = "1"

_SUBSCRIPTION_FIELDS = [
    {"name": "owner", "type": "address"},
    {"name": "activeAt", "type": "uint32"},
    {"name": "period", "type": "uint32"},
    {"name": "frequency", "type": "uint32"},
    {"name": "redundancy", "type": "uint16"},
    {"name": "containerId", "type": "bytes32"},
    {"name": "lazy", "type": "bool"},
    {"name": "verifier", "type": "address"},
    {"name": "paymentAmount", "type": "uint256"},
    {"name": "paymentToken", "type": "address"},
    {"name": "wallet", "type": "address"},
]
_TYPES = {
    "DelegateSubscription": [
        {"name": "nonce", "type": "uint32"},
        {"name": "expiry", "type": "uint32"},
        {"name": "sub", "type": "Subscription"},
    ],
    "Subscription": _SUBSCRIPTION_FIELDS,
}


@dataclass(frozen=True, slots=True)
class Signature:
    """A signed permission to create one subscription, as ``POST /api/jobs`` carries it."""

    nonce: int
    """uint32; with the owner it names the subscription for ever."""
    expiry: int
    """UNIX seconds; the contract refuses at ``block.timestamp >= expiry``."""
    v: int
    """27 or 28."""
    r: int
    s: int

    @property
    def r_bytes(self) -> bytes:
        return self.r.to_bytes(32, "big")

    @property
    def s_bytes(self) -> bytes:
        return self.s.to_bytes(32, "big")


def signable_message(
    subscription: Subscription, *, nonce: int, expiry: int, chain_id: int, coordinator: str
) -> SignableMessage:
    """Returns the EIP-712 message that the owner's signer signs.

    Args:
        nonce: uint32, chosen by the signer.
        expiry: UNIX seconds at which the signature ends.
        coordinator: address of the ``EIP712Coordinator``, the verifying contract.
    """
    sub: dict[str, Any] = {
        field["name"]: value
        for field, value in zip(_SUBSCRIPTION_FIELDS, subscription.to_abi(), strict=True)
    }
    return encode_typed_data(
        domain_data={
            "name": DOMAIN_NAME,
            "version": DOMAIN_VERSION,
            "chainId": chain_id,
            "verifyingContract": coordinator,
        },
        message_types=_TYPES,
        message_data={"nonce": nonce, "expiry": expiry, "sub": sub},
    )


def sign(
    subscription: Subscription,
    *,
    nonce: int,
    expiry: int,
    chain_id: int,
    coordinator: str,
    private_key: str,
) -> Signature:
    """Signs a subscription with the key of the address that the owner's ``getSigner`` returns."""
    message = signable_message(
        subscription, nonce=nonce, expiry=expiry, chain_id=chain_id, coordinator=coordinator
    )
    signed = Account.sign_message(message, private_key)
    return Signature(nonce, expiry, signed.v, signed.r, signed.s)


def recover(
    subscription: Subscription, signature: Signature, *, chain_id: int, coordinator: str
) -> str:
    """Returns the checksummed address whose key made the signature.

    Raises:
        ValueError: if ``v``, ``r``, ``s`` are no signature at all.
    """
    message = signable_message(
        subscription,
        nonce=signature.nonce,
        expiry=signature.expiry,
        chain_id=chain_id,
        coordinator=coordinator,
    )
    try:
        return str(Account.recover_message(message, vrs=(signature.v, signature.r, signature.s)))
    except Exception as error:  # eth-keys has several unrelated classes for a bad signature
        raise ValueError(f"signature: v, r and s are not a signature ({error})") from error
