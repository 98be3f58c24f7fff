"""Typed calls of the contracts, as values that can be batched, simulated or sent."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from functools import cache
from typing import Any, Generic, TypeVar

from eth_abi.abi import decode, encode
from eth_utils.address import to_checksum_address
from eth_utils.crypto import keccak

from infernet_node.chain.requests import Request
from infernet_node.chain.rpc import Rpc
from infernet_node.chain.rpc_errors import RevertError, RpcError
from infernet_node.chain.values import octets
from infernet_node.chain.words import arguments, unpack_array
from infernet_protocol.delegation import Signature
from infernet_protocol.hashing import delegation_key, interval_key, response_key
from infernet_protocol.output import Delivery
from infernet_protocol.subscription import ABI_TYPE, ZERO_ADDRESS, Subscription

T = TypeVar("T")
T_co = TypeVar("T_co", covariant=True)


@dataclass(frozen=True, slots=True)
class Function:
    """An external function of a contract.

    Args:
        name: Solidity name.
        inputs: ABI types of the arguments.
        outputs: ABI types of the returned values.
    """

    name: str
    inputs: tuple[str, ...] = ()
    outputs: tuple[str, ...] = ()

    @property
    def signature(self) -> str:
        return f"{self.name}({','.join(self.inputs)})"

    @property
    def selector(self) -> bytes:
        return _selector(self.signature)

    def encode(self, *arguments: Any) -> bytes:
        return self.selector + encode(self.inputs, arguments)


@cache
def _selector(signature: str) -> bytes:
    return keccak(text=signature)[:4]


@dataclass(frozen=True, slots=True)
class ViewCall(Generic[T_co]):
    """A read of a contract together with the reading of its answer."""

    to: str
    data: bytes
    decode: Callable[[bytes], T_co]

    def request(self, block: str) -> Request:
        return Request("eth_call", ({"to": self.to, "data": "0x" + self.data.hex()}, block))

    def result(self, returned: Any) -> T_co:
        """Decodes what ``eth_call`` returned.

        Raises:
            RevertError: if it is not what the function returns, which happens where the
                address holds no contract or another one.
            TransportError: if it is nothing that any function returns.
        """
        data = octets(returned)
        try:
            return self.decode(data)
        except Exception as error:  # eth-abi raises several unrelated classes on foreign bytes
            raise RevertError(f"{self.to} did not return what was asked for ({error})") from error


def _view(to: str, function: Function, *arguments: Any, read: Callable[[Any], T]) -> ViewCall[T]:
    def decoded(returned: bytes) -> T:
        (value,) = decode(function.outputs, returned)
        return read(value)

    return ViewCall(to, function.encode(*arguments), decoded)


async def read(rpc: Rpc, call: ViewCall[T], block: str = "latest") -> T:
    """Returns the answer of one read.

    Raises:
        RpcError: of the kind that tells a revert from a failure to ask.
    """
    request = call.request(block)
    return call.result(await rpc.call(request.method, *request.params))


async def read_all(rpc: Rpc, calls: Sequence[ViewCall[Any]], block: str = "latest") -> list[Any]:
    """Returns the answers of several reads; a refused one has its ``RpcError`` as answer.

    Raises:
        TransportError: no endpoint answered all of them.
    """
    results = await rpc.batch([call.request(block) for call in calls])
    return [answer(call, result) for call, result in zip(calls, results, strict=True)]


def answer(call: ViewCall[T], result: Any) -> T | RpcError:
    """Decodes one result of a batch, or passes its error on."""
    if isinstance(result, RpcError):
        return result
    try:
        return call.result(result)
    except RpcError as error:
        return error


REGISTRY_COORDINATOR = Function("COORDINATOR", (), ("address",))
REGISTRY_READER = Function("READER", (), ("address",))
REGISTRY_WALLET_FACTORY = Function("WALLET_FACTORY", (), ("address",))
NEXT_ID = Function("id", (), ("uint32",))
GET_SUBSCRIPTION = Function("getSubscription", ("uint32",), (ABI_TYPE,))
REDUNDANCY_COUNT = Function("redundancyCount", ("bytes32",), ("uint16",))
NODE_RESPONDED = Function("nodeResponded", ("bytes32",), ("bool",))
DELEGATE_CREATED_IDS = Function("delegateCreatedIds", ("bytes32",), ("uint32",))
DELIVER_COMPUTE = Function(
    "deliverCompute", ("uint32", "uint32", "bytes", "bytes", "bytes", "address")
)
DELIVER_COMPUTE_DELEGATEE = Function(
    "deliverComputeDelegatee",
    (
        *("uint32", "uint32", ABI_TYPE, "uint8", "bytes32", "bytes32"),
        *("uint32", "bytes", "bytes", "bytes", "address"),
    ),
)
PROOF_REQUESTS = Function("proofRequests", ("bytes32",), ("uint32", "address", "uint256"))
FINALIZE_PROOF = Function("finalizeProofVerification", ("uint32", "uint32", "address", "bool"))
READ_SUBSCRIPTION_BATCH = Function(
    "readSubscriptionBatch", ("uint32", "uint32"), (f"{ABI_TYPE}[]",)
)
READ_REDUNDANCY_COUNT_BATCH = Function(
    "readRedundancyCountBatch", ("uint32[]", "uint32[]"), ("uint16[]",)
)
GET_CONTAINER_INPUTS = Function(
    "getContainerInputs", ("uint32", "uint32", "uint32", "address"), ("bytes",)
)
GET_SIGNER = Function("getSigner", (), ("address",))
IS_VALID_WALLET = Function("isValidWallet", ("address",), ("bool",))
ALLOWANCE = Function("allowance", ("address", "address"), ("uint256",))
APPROVE = Function("approve", ("address", "address", "uint256"))
OWNER = Function("owner", (), ("address",))
BALANCE_OF = Function("balanceOf", ("address",), ("uint256",))


@dataclass(frozen=True, slots=True)
class Deployment:
    """The contracts of one deployment, as its Registry names them."""

    coordinator: str
    reader: str
    wallet_factory: str

    @classmethod
    async def from_registry(cls, rpc: Rpc, registry: str) -> "Deployment":
        """Asks the Registry for its contracts.

        Raises:
            RpcError: if there is no Registry at the address, or no answer.
        """
        functions = (REGISTRY_COORDINATOR, REGISTRY_READER, REGISTRY_WALLET_FACTORY)
        calls = [_view(registry, function, read=to_checksum_address) for function in functions]
        addresses = await read_all(rpc, calls)
        for address in addresses:
            if isinstance(address, RpcError):
                raise address
        return cls(*addresses)


@dataclass(frozen=True, slots=True)
class Coordinator:
    """The EIP712Coordinator at an address."""

    address: str

    def next_id(self) -> ViewCall[int]:
        """The id that the next subscription will get; ids start at 1."""
        return _view(self.address, NEXT_ID, read=int)

    def subscription(self, subscription_id: int) -> ViewCall[Subscription]:
        return _view(self.address, GET_SUBSCRIPTION, subscription_id, read=Subscription.from_abi)

    def redundancy_count(self, subscription_id: int, interval: int) -> ViewCall[int]:
        """How many nodes have answered the interval."""
        key = interval_key(subscription_id, interval)
        return _view(self.address, REDUNDANCY_COUNT, key, read=int)

    def node_responded(self, subscription_id: int, interval: int, node: str) -> ViewCall[bool]:
        key = response_key(subscription_id, interval, node)
        return _view(self.address, NODE_RESPONDED, key, read=bool)

    def delegate_created_id(self, owner: str, nonce: int) -> ViewCall[int]:
        """Id of the subscription that a signature created, 0 if none yet."""
        return _view(self.address, DELEGATE_CREATED_IDS, delegation_key(owner, nonce), read=int)

    def proof_expiry(self, subscription_id: int, interval: int, node: str) -> ViewCall[int]:
        """From this second on (chain time) a proof may be finalised by anyone; 0: settled."""
        data = PROOF_REQUESTS.encode(response_key(subscription_id, interval, node))
        return ViewCall(
            self.address, data, lambda returned: int(decode(PROOF_REQUESTS.outputs, returned)[0])
        )

    def finalise(self, subscription_id: int, interval: int, node: str) -> bytes:
        """Returns the call data that ends a proof whose verifier let its time pass."""
        return FINALIZE_PROOF.encode(subscription_id, interval, node, True)

    def deliver(
        self, subscription_id: int, interval: int, delivery: Delivery, node_wallet: str
    ) -> bytes:
        """Returns the call data of a delivery to an existing subscription."""
        values = (subscription_id, interval, *delivery, node_wallet)
        return DELIVER_COMPUTE.selector + arguments(*values)

    def deliver_delegated(
        self,
        subscription: Subscription,
        signature: Signature,
        interval: int,
        delivery: Delivery,
        node_wallet: str,
    ) -> bytes:
        """Returns the call data of a delivery that creates its subscription if need be."""
        return DELIVER_COMPUTE_DELEGATEE.encode(
            signature.nonce,
            signature.expiry,
            subscription.to_abi(),
            signature.v,
            signature.r_bytes,
            signature.s_bytes,
            interval,
            *delivery,
            node_wallet,
        )


@dataclass(frozen=True, slots=True)
class Reader:
    """The Reader: many subscriptions in one call."""

    address: str

    def subscriptions(self, start: int, end: int) -> ViewCall[list[Subscription]]:
        """Subscriptions with ``start <= id < end``; unknown ones read as all zeros."""
        data = READ_SUBSCRIPTION_BATCH.encode(start, end)
        return ViewCall(self.address, data, unpack_array)

    def redundancy_counts(self, pairs: Sequence[tuple[int, int]]) -> ViewCall[list[int]]:
        """Answers so far for (subscription id, interval) pairs."""
        ids, intervals = [pair[0] for pair in pairs], [pair[1] for pair in pairs]
        return _view(self.address, READ_REDUNDANCY_COUNT_BATCH, ids, intervals, read=list)


@dataclass(frozen=True, slots=True)
class Consumer:
    """A subscription's owner."""

    address: str

    def inputs(
        self, subscription_id: int, interval: int, timestamp: int, node: str
    ) -> ViewCall[bytes]:
        """What the consumer wants computed."""
        function = GET_CONTAINER_INPUTS
        values = arguments(subscription_id, interval, timestamp, node)
        return ViewCall(
            self.address,
            function.selector + values,
            lambda returned: bytes(decode(function.outputs, returned)[0]),
        )

    def signer(self) -> ViewCall[str]:
        """Address whose signatures create subscriptions for the consumer."""
        return _view(self.address, GET_SIGNER, read=to_checksum_address)


@dataclass(frozen=True, slots=True)
class Wallet:
    """A payment Wallet, of a consumer or of the node."""

    address: str

    def allowance(self, spender: str, token: str) -> ViewCall[int]:
        return _view(self.address, ALLOWANCE, spender, token, read=int)

    def owner(self) -> ViewCall[str]:
        return _view(self.address, OWNER, read=to_checksum_address)

    def approve(self, spender: str, token: str, amount: int) -> bytes:
        """Returns the call data that sets (not adds) an allowance."""
        return APPROVE.encode(spender, token, amount)

    def balance(self, token: str) -> Request:
        """Asks for the wallet's holding of a token, or of the native coin (zero address)."""
        if token == ZERO_ADDRESS:
            return Request("eth_getBalance", (self.address, "latest"))
        data = "0x" + BALANCE_OF.encode(self.address).hex()
        return Request("eth_call", ({"to": token, "data": data}, "latest"))


def is_valid_wallet(factory: str, wallet: str) -> ViewCall[bool]:
    """Whether a WalletFactory made the wallet, which the Coordinator insists on."""
    return _view(factory, IS_VALID_WALLET, wallet, read=bool)
