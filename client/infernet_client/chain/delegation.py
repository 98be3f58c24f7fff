"""The signed request by which a node creates a subscription for its owner."""

import random
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

from eth_account.messages import SignableMessage

from infernet_client.chain.checks import account_from_key
from infernet_client.chain.rpc import RPC
from infernet_client.chain.subscription import Subscription

ARGUMENTS = (
    "subscription",
    "rpc",
    "coordinator_address",
    "expiry",
    "nonce",
    "private_key",
    "data",
    "timeout",
)
_OPTIONAL = {"nonce", "timeout"}
_random = random.SystemRandom()


@dataclass(frozen=True, slots=True)
class DelegationCall:
    """The arguments of ``request_delegated_subscription``."""

    subscription: Subscription
    rpc: RPC | str
    coordinator_address: str
    expiry: int
    private_key: str = field(repr=False)
    data: Mapping[str, Any]
    nonce: int
    timeout: float | None = None


def delegation_call(args: Sequence[Any], keywords: Mapping[str, Any]) -> DelegationCall:
    """Reads the :data:`ARGUMENTS`, by position or name; ``sub`` is ``subscription`` as well.

    Without a nonce a random one is drawn.

    Raises:
        TypeError: if one is missing, unknown, given twice or of another type.
    """
    if len(args) > len(ARGUMENTS):
        raise _refused(f"{len(args)} positional arguments")
    given = dict(zip(ARGUMENTS, args, strict=False))
    for keyword, value in keywords.items():
        name = "subscription" if keyword == "sub" else keyword
        if name not in ARGUMENTS:
            raise _refused(f"unknown argument {keyword!r}")
        if given.get(name) is not None and value is not None:
            raise _refused(f"{name} is given twice")
        given[name] = given.get(name) if value is None else value
    present = {name for name, value in given.items() if value is not None}
    if missing := [name for name in ARGUMENTS if name not in present | _OPTIONAL]:
        raise _refused(f"missing {', '.join(missing)}")
    if not isinstance(given["subscription"], Subscription):
        raise _refused("subscription is not a Subscription")
    if not isinstance(given["data"], Mapping):
        raise _refused("data is not a mapping such as {'text': ...}")
    if given.get("nonce") is None:
        given["nonce"] = _random.randrange(2**32)
    return DelegationCall(**given)


async def signed_request(call: DelegationCall) -> dict[str, Any]:
    """Returns the body of ``POST /api/jobs`` that asks for a delegated subscription.

    A recurring subscription with ``active_at`` 0 is signed, and sent, with the timestamp of
    the latest block instead. The endpoint is asked for that, and for the chain id of every
    subscription; everything else is checked before.

    Raises:
        ParameterError: naming the argument that is wrong.
        RpcError: if the endpoint does not answer.
    """
    account = account_from_key(call.private_key)
    # Chain id 0 stands in, so that bad arguments are found before anything is asked.
    _message(call, call.subscription, 0)
    rpc = RPC(call.rpc) if isinstance(call.rpc, str) else call.rpc
    chain_id = await rpc.get_chain_id()
    subscription = await _started(call.subscription, rpc)
    signed = account.sign_message(_message(call, subscription, chain_id))
    return {
        "signature": {
            "nonce": call.nonce,
            "expiry": call.expiry,
            "v": signed.v,
            "r": signed.r,
            "s": signed.s,
        },
        "subscription": subscription.serialized,
        "data": dict(call.data),
    }


def _message(call: DelegationCall, subscription: Subscription, chain_id: int) -> SignableMessage:
    return subscription.get_delegate_subscription_typed_data(
        call.nonce, call.expiry, chain_id, call.coordinator_address
    )


async def _started(subscription: Subscription, rpc: RPC) -> Subscription:
    terms = subscription.on_chain
    if terms.active_at or terms.is_callback:
        return subscription
    # Intervals are counted from active_at: since 1970 all of them would be over.
    return subscription.starting_at(await rpc.get_block_timestamp())


def _refused(problem: str) -> TypeError:
    return TypeError(f"{problem}; expected {', '.join(ARGUMENTS)} (nonce and timeout optional)")
