"""The request to compute again and again, as its owner signs it (EIP-712)."""

from collections.abc import Mapping, Sequence
from typing import Any, NoReturn, Self, overload

from eth_account.messages import SignableMessage

from infernet_client.chain.checks import any_case_address, checked_address, checked_uint
from infernet_client.error import ParameterError
from infernet_protocol.delegation import signable_message
from infernet_protocol.hashing import container_id
from infernet_protocol.subscription import Subscription as ChainSubscription

FIELDS = (
    "owner",
    "active_at",
    "period",
    "frequency",
    "redundancy",
    "containers",
    "lazy",
    "verifier",
    "payment_amount",
    "payment_token",
    "wallet",
)
_SYNONYMS = {"prover": "verifier"}


class Subscription:
    """A subscription that a consumer contract's signer may create off-chain."""

    @overload
    def __init__(
        self,
        owner: str,
        active_at: int,
        period: int,
        frequency: int,
        redundancy: int,
        containers: Sequence[str] | str,
        lazy: bool,
        verifier: str,
        payment_amount: int,
        payment_token: str,
        wallet: str,
    ) -> None: ...
    @overload
    def __init__(
        self,
        *,
        owner: str,
        active_at: int,
        period: int,
        frequency: int,
        redundancy: int,
        containers: Sequence[str] | str,
        lazy: bool,
        prover: str,
        payment_amount: int,
        payment_token: str,
        wallet: str,
    ) -> None: ...
    def __init__(self, *args: Any, **keywords: Any) -> None:
        """Takes the eleven :data:`FIELDS`, by position in this order or by name.

        Args:
            owner: consumer contract that receives the outputs. Its case need not be its
                checksum; that of the other addresses must, if it is mixed.
            active_at: UNIX seconds, chain time, from which it is answered and its intervals
                are counted; 0 for at once. A request that asks a node for a recurring one
                puts the timestamp of the latest block for 0, and signs that.
            period: seconds between intervals; 0 for a single one.
            frequency: number of intervals.
            redundancy: nodes that answer each interval.
            containers: container ids in order of execution, a list or joined by commas.
            lazy: whether outputs wait in the Inbox instead of being delivered.
            verifier: contract that checks proofs, zero address for none; also ``prover``.
            payment_amount: per answer, in wei or the token's smallest unit.
            payment_token: ERC20 contract, zero address for ether.
            wallet: Infernet wallet that pays, zero address for none.

        Raises:
            TypeError: if a field is missing, unknown or given twice.
            ParameterError: naming the field that is not of its type and range.
        """
        fields = _by_name(args, keywords)
        self.owner = str(fields["owner"])
        self._given = fields
        self._containers = _names(fields["containers"])
        if not isinstance(fields["lazy"], bool):
            raise ParameterError("lazy", f"{fields['lazy']!r} is not true or false")
        self._chain = ChainSubscription(
            # A wrong digit here goes nowhere: the signature is checked by the owner itself.
            owner=any_case_address("owner", fields["owner"]),
            active_at=checked_uint("active_at", fields["active_at"], 32),
            period=checked_uint("period", fields["period"], 32),
            frequency=checked_uint("frequency", fields["frequency"], 32),
            redundancy=checked_uint("redundancy", fields["redundancy"], 16),
            container_id=container_id(self._containers),
            lazy=fields["lazy"],
            verifier=checked_address("verifier", fields["verifier"]),
            payment_amount=checked_uint("payment_amount", fields["payment_amount"], 256),
            payment_token=checked_address("payment_token", fields["payment_token"]),
            wallet=checked_address("wallet", fields["wallet"]),
        )

    @classmethod
    def from_mapping(cls, parameters: Any) -> Self:
        """Builds one from the object of a parameter file.

        Raises:
            ParameterError: naming the field that is missing, unknown or wrong.
        """
        if not isinstance(parameters, Mapping):
            raise ParameterError("parameters", "not a JSON object with the subscription's fields")
        names = {_SYNONYMS.get(str(name), str(name)) for name in parameters}
        if unknown := [str(n) for n in parameters if _SYNONYMS.get(str(n), n) not in FIELDS]:
            raise ParameterError(unknown[0], f"unknown field; the fields are {', '.join(FIELDS)}")
        if missing := [name for name in FIELDS if name not in names]:
            raise ParameterError(missing[0], "missing")
        if len(names) != len(parameters):
            raise ParameterError("prover", "given beside verifier, its present name")
        return cls(**parameters)

    @property
    def containers(self) -> list[str]:
        """The container ids in order of execution."""
        return list(self._containers)

    def starting_at(self, active_at: int) -> Self:
        """Returns the same subscription with another ``active_at`` (UNIX seconds, chain time).

        Raises:
            ParameterError: if it is no uint32.
        """
        return type(self)(**{**self._given, "active_at": active_at})

    @property
    def on_chain(self) -> ChainSubscription:
        """The struct that the coordinator stores and the signature covers."""
        return self._chain

    @property
    def serialized(self) -> dict[str, Any]:
        """The object that ``POST /api/jobs`` carries, with ``containers`` as its hash."""
        return {name: self._given[name] for name in FIELDS} | {
            "containers": "0x" + self._chain.container_id.hex()
        }

    def get_delegate_subscription_typed_data(
        self, nonce: int, expiry: int, chain_id: int, verifying_contract: str
    ) -> SignableMessage:
        """Returns the EIP-712 message to sign.

        Args:
            nonce: uint32; owner and nonce name the subscription for ever.
            expiry: UNIX seconds (uint32) at which the signature ends.
            chain_id: of the chain the coordinator is on.
            verifying_contract: address of the coordinator.

        Raises:
            ParameterError: naming the argument that is out of its range.
        """
        return signable_message(
            self._chain,
            nonce=checked_uint("nonce", nonce, 32),
            expiry=checked_uint("expiry", expiry, 32),
            chain_id=checked_uint("chain_id", chain_id, 256),
            coordinator=checked_address("verifying_contract", verifying_contract),
        )

    def __repr__(self) -> str:
        fields = {name: self._given[name] for name in FIELDS}
        return f"Subscription({', '.join(f'{k}={v!r}' for k, v in fields.items())})"

    def __eq__(self, other: object) -> bool:
        return isinstance(other, Subscription) and self._chain == other._chain

    def __hash__(self) -> int:
        return hash(self._chain)


def _by_name(args: Sequence[Any], keywords: Mapping[str, Any]) -> dict[str, Any]:
    if len(args) > len(FIELDS):
        _refuse(f"{len(args)} positional arguments, {len(FIELDS)} fields")
    fields = dict(zip(FIELDS, args, strict=False))
    for keyword, value in keywords.items():
        name = _SYNONYMS.get(keyword, keyword)
        if name not in FIELDS:
            _refuse(f"unknown field {keyword}")
        if name in fields:
            _refuse(f"{name} is given twice")
        fields[name] = value
    if missing := [name for name in FIELDS if name not in fields]:
        _refuse(f"missing {', '.join(missing)}")
    return fields


def _refuse(problem: str) -> NoReturn:
    raise TypeError(f"Subscription: {problem}; the fields are {', '.join(FIELDS)}")


def _names(containers: Any) -> list[str]:
    if isinstance(containers, str):
        names = [name.strip() for name in containers.split(",")]
    elif isinstance(containers, Sequence) and all(isinstance(name, str) for name in containers):
        names = list(containers)
    else:
        raise ParameterError("containers", f"{containers!r} is not a list of container ids")
    if not names or not all(names) or any("," in name for name in names):
        raise ParameterError(
            "containers", "at least one id is needed, none empty and none with a comma inside"
        )
    return names
