"""May this caller use these containers? Rules without side effects, the first that fails decides.

The texts are stable: clients and operators match on them.
"""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from ipaddress import ip_address
from typing import Any

from infernet_node.config import ContainerConfig
from infernet_protocol.delegation import Signature
from infernet_protocol.subscription import Subscription

NO_CONTAINERS = "No containers specified"
NOT_SUPPORTED = "Container not supported"
NOT_EXTERNAL = "First container must be external"
NO_PROOF = "Container does not generate proof"
NOT_ALLOWED = "Container not allowed for address"
CHAIN_DISABLED = "Chain not enabled"
SIGNATURE_EXPIRED = "Signature expired"
COMPLETED = "Subscription completed"
UNKNOWN_HASH = "Container-set not supported"
INVALID_PAYMENT = "Invalid payment"

Containers = Mapping[str, ContainerConfig]
"""The configured containers by id."""


@dataclass(frozen=True, slots=True)
class Rejection:
    """Why a request is refused."""

    error: str
    params: dict[str, Any]
    """JSON values that say what the error is about."""


@dataclass(frozen=True, slots=True)
class DelegatedRequest:
    """A signed subscription as it came over REST."""

    subscription: Subscription
    signature: Signature
    data: dict[str, Any]
    message: dict[str, Any]
    """The request's JSON as the client sent it."""


def check_offchain(
    pipeline: Sequence[str], *, requires_proof: bool, ip: str, known: Containers
) -> Rejection | None:
    """Judges an off-chain job, streamed or not.

    Args:
        pipeline: container ids in order of execution.
        ip: the caller's address.
    """
    if not pipeline:
        return Rejection(NO_CONTAINERS, {})
    for container in pipeline:
        if container not in known:
            return Rejection(NOT_SUPPORTED, {"container": container})
    stages = [known[container] for container in pipeline]
    return (
        _check_entry(stages)
        or _check_proof(stages, requires_proof)
        or _check_callers(stages, ip, allows_ip)
    )


def check_delegated(
    request: DelegatedRequest,
    *,
    pipeline: Sequence[str] | None,
    ip: str,
    now: float,
    known: Containers,
    payment_address: str | None,
) -> Rejection | None:
    """Judges a delegated subscription on a node whose chain is enabled.

    Signature and means of payment are looked at later, as that takes calls of the chain.

    Args:
        pipeline: what the containers' hash stands for; ``None`` if nothing of this node.
        now: UNIX seconds.
        payment_address: the node's Wallet contract, if it has one.
    """
    subscription = request.subscription
    if request.signature.expiry < now:
        return Rejection(SIGNATURE_EXPIRED, {"delegated_subscription": request.message})
    if pipeline is None:
        hashed = "0x" + subscription.container_id.hex()
        return Rejection(NOT_SUPPORTED, {"containers_hash": hashed})
    stages = [known[container] for container in pipeline]
    rejection = (
        _check_entry(stages)
        or _check_proof(stages, subscription.requires_proof)
        or _check_callers(stages, subscription.owner, _allows_delegating_owner)
        or _check_callers(stages, ip, allows_ip)
    )
    if rejection:
        return rejection
    reason = payment_problem(subscription, stages, payment_address=payment_address)
    return Rejection(INVALID_PAYMENT, {"reason": reason}) if reason else None


def chain_disabled(request: DelegatedRequest) -> Rejection:
    """Refuses a delegated subscription on a node that serves no chain."""
    return Rejection(CHAIN_DISABLED, {"delegated_subscription": request.message})


def check_subscription(
    subscription_id: int,
    subscription: Subscription,
    *,
    completed: bool,
    pipeline: Sequence[str] | None,
    known: Containers,
    payment_address: str | None,
) -> Rejection | None:
    """Judges a subscription found on the chain.

    Args:
        completed: whether its last interval has all its answers.
        pipeline: what the containers' hash stands for; ``None`` if nothing of this node.
        payment_address: the node's Wallet contract, if it has one.
    """
    if completed:
        return Rejection(COMPLETED, {})
    if pipeline is None:
        return Rejection(UNKNOWN_HASH, {"containers_hash": "0x" + subscription.container_id.hex()})
    stages = [known[container] for container in pipeline]
    rejection = (
        _check_entry(stages)
        or _check_callers(stages, subscription.owner, _allows_owner)
        or _check_proof(stages, subscription.requires_proof)
    )
    if rejection:
        return rejection
    if payment_problem(subscription, stages, payment_address=payment_address):
        return Rejection(INVALID_PAYMENT, {"subscription_id": subscription_id})
    return None


def payment_problem(
    subscription: Subscription, stages: Sequence[ContainerConfig], *, payment_address: str | None
) -> str | None:
    """Says what is wrong with the payment that a subscription offers per answer.

    Args:
        stages: its containers in order of execution.
        payment_address: the node's Wallet contract, without which nothing can be earned.
    """
    if subscription.payment_amount > 0 and payment_address is None:
        return "No payment address provided for the node"
    token = subscription.payment_token
    for stage in stages:
        # A free subscription too must name a token of the list, if there is one.
        if stage.accepted_payments and token not in stage.accepted_payments:
            return f"Token {token} not accepted for container {stage.id}."
    if subscription.payment_amount < sum(s.accepted_payments.get(token, 0) for s in stages):
        return f"Token {token} below minimum payment requirements"
    return None


def allows_ip(container: ContainerConfig, ip: str) -> bool:
    """Whether the container's firewall lets an address in; an empty list lets everybody in."""
    if not container.allowed_ips:
        return True
    try:
        address = ip_address(ip)
    except ValueError:
        return False
    return any(address in network for network in container.allowed_ips)


def _allows_owner(container: ContainerConfig, owner: str) -> bool:
    return not container.allowed_addresses or owner.lower() in container.allowed_addresses


def _allows_delegating_owner(container: ContainerConfig, owner: str) -> bool:
    allowed = container.allowed_delegate_addresses
    return not allowed or owner.lower() in allowed


def _check_entry(stages: Sequence[ContainerConfig]) -> Rejection | None:
    first = stages[0]
    return None if first.external else Rejection(NOT_EXTERNAL, {"first_container": first.id})


def _check_proof(stages: Sequence[ContainerConfig], required: bool) -> Rejection | None:
    last = stages[-1]
    if not required or last.generates_proofs:
        return None
    return Rejection(NO_PROOF, {"container": last.id})


def _check_callers(
    stages: Sequence[ContainerConfig], caller: str, allows: Callable[[ContainerConfig, str], bool]
) -> Rejection | None:
    for stage in stages:
        if not allows(stage, caller):
            return Rejection(NOT_ALLOWED, {"container": stage.id, "address": caller})
    return None
