"""Subscriptions that a signer asks a node for, without a transaction of the signer's own."""

import secrets
from collections.abc import Mapping
from dataclasses import asdict, dataclass
from typing import Any

import requests
from eth_account.signers.local import LocalAccount
from eth_typing import ChecksumAddress
from web3.contract import Contract
from web3.exceptions import BadFunctionCallOutput, ContractLogicError

from infernet_protocol.delegation import Signature, sign
from infernet_protocol.hashing import delegation_key
from infernet_protocol.subscription import Subscription
from scripts.chain import shown_url
from scripts.errors import ScriptError
from scripts.proxies import ask_loopback_directly

NODE_TIMEOUT = 10
"""Seconds for the node to take a request."""


@dataclass(frozen=True, slots=True)
class Delegation:
    """A subscription with the signature that lets anyone create it."""

    subscription: Subscription
    signature: Signature

    def body(self, question: str) -> dict[str, Any]:
        """Returns the body of ``POST /api/jobs``."""
        subscription = asdict(self.subscription)
        container = subscription.pop("container_id")
        return {
            "signature": asdict(self.signature),
            "subscription": {**subscription, "containers": "0x" + container.hex()},
            "data": {"text": question},
        }


def require_signer(consumer: Contract, address: ChecksumAddress) -> None:
    """Checks that a consumer's signer has this address.

    Raises:
        ScriptError: if another one signs for it, or none.
    """
    try:
        signer = consumer.functions.getSigner().call()
    except (BadFunctionCallOutput, ContractLogicError):
        raise ScriptError(
            f"the contract at {consumer.address} names no signer: it is no DelegatedChat"
        ) from None
    if signer != address:
        raise ScriptError(
            f"{signer} signs for {consumer.address}, not {address}: sign with its key "
            "(PRIVATE_KEY or --keystore), or deploy a consumer of your own with --deploy"
        )


def created_id(coordinator: Contract, owner: str, nonce: int) -> int:
    """Returns the id of the subscription that (owner, nonce) names, 0 if there is none yet."""
    return int(coordinator.functions.delegateCreatedIds(delegation_key(owner, nonce)).call())


def unused_nonce(coordinator: Contract, owner: str, wanted: int | None) -> int:
    """Returns the wanted nonce, or a random one.

    Random, not counted: what was signed but is not on the chain yet has taken its nonce too.

    Raises:
        ScriptError: if the wanted one has made a subscription already.
    """
    nonce = secrets.randbits(32) if wanted is None else wanted
    if existing := created_id(coordinator, owner, nonce):
        raise ScriptError(
            f"nonce {nonce} of {owner} made subscription {existing} already, "
            "and would only name that again: take another --nonce, or none"
        )
    return nonce


def signed(
    subscription: Subscription,
    account: LocalAccount,
    coordinator: Contract,
    *,
    nonce: int,
    expiry: int,
) -> Delegation:
    """Signs a subscription for the coordinator on its chain.

    Args:
        expiry: UNIX seconds, chain time, at which the signature ends.
    """
    signature = sign(
        subscription,
        nonce=nonce,
        expiry=expiry,
        chain_id=coordinator.w3.eth.chain_id,
        coordinator=coordinator.address,
        private_key="0x" + account.key.hex().removeprefix("0x"),
    )
    return Delegation(subscription, signature)


def post(node_url: str, body: Mapping[str, Any]) -> None:
    """Hands a signed subscription to a node.

    Raises:
        ScriptError: if the node is not there, or refuses.
    """
    ask_loopback_directly()
    where = shown_url(node_url)
    try:
        answer = requests.post(f"{node_url.rstrip('/')}/api/jobs", json=body, timeout=NODE_TIMEOUT)
    except requests.RequestException as error:
        raise ScriptError(
            f"no node answers at {where} ({type(error).__name__}): "
            "start one with `make up`, or name another with --node-url"
        ) from None
    if not answer.ok:
        raise ScriptError(f"the node at {where} refuses: {_refusal(answer)}")


def _refusal(answer: requests.Response) -> str:
    try:
        said = answer.json()
    except requests.JSONDecodeError:
        said = None
    if not isinstance(said, dict) or "error" not in said:
        return f"HTTP {answer.status_code}"
    params = said.get("params") or {}
    if not isinstance(params, dict):
        return str(said["error"])
    # A whole subscription among the params would bury the reason.
    brief = [f"{k}: {v}" for k, v in params.items() if not isinstance(v, dict | list)]
    return f"{said['error']} ({', '.join(brief)})" if brief else str(said["error"])
