"""Admission rules: exact texts, exact parameters, exact order."""

from dataclasses import replace
from typing import Any

import pytest

from infernet_node.config import ContainerConfig
from infernet_node.guardian import (
    DelegatedRequest,
    Rejection,
    chain_disabled,
    check_delegated,
    check_offchain,
    check_subscription,
    payment_problem,
)
from infernet_protocol.delegation import Signature
from infernet_protocol.subscription import ZERO_ADDRESS, Subscription

OWNER = "0x5FbDB2315678afecb367f032d93F642f64180aa3"
STRANGER = "0xe7f1725E7734CE288F8367e1Bb143E90bb3F0512"
TOKEN = "0x9fE46736679d2D9a65F0992F2272dE9f3c7fa6e0"
WALLET = "0xCf7Ed3AccA5a467e9e704C703E8D87F634fB0Fc9"
VERIFIER = "0xDc64a140Aa3E981100a9becA4E685f962f0cF6C9"
HASH = bytes(31) + b"\x07"
NOW = 1_790_000_000

KNOWN = {
    container.id: container
    for container in (
        ContainerConfig(id="open"),
        ContainerConfig(id="inner", external=False),
        ContainerConfig(id="proving", generates_proofs=True),
        ContainerConfig.model_validate({"id": "fenced", "allowed_ips": ["10.0.0.7/8", "fd00::/8"]}),
        ContainerConfig.model_validate(
            {
                "id": "owned",
                "allowed_addresses": [OWNER],
                "allowed_delegate_addresses": [OWNER.lower()],
            }
        ),
        ContainerConfig.model_validate({"id": "dear", "accepted_payments": {TOKEN: 100}}),
        ContainerConfig.model_validate(
            {"id": "cheap", "accepted_payments": {TOKEN.lower(): 10, ZERO_ADDRESS: 0}}
        ),
    )
}

FREE = Subscription(
    owner=OWNER,
    active_at=0,
    period=0,
    frequency=1,
    redundancy=1,
    container_id=HASH,
    lazy=False,
    verifier=ZERO_ADDRESS,
    payment_amount=0,
    payment_token=ZERO_ADDRESS,
    wallet=ZERO_ADDRESS,
)
MESSAGE = {"signature": {"nonce": 1}, "subscription": {"owner": OWNER}, "data": {}}


def offchain(
    *pipeline: str, requires_proof: bool = False, ip: str = "127.0.0.1"
) -> Rejection | None:
    return check_offchain(pipeline, requires_proof=requires_proof, ip=ip, known=KNOWN)


def delegated(
    *pipeline: str,
    expiry: int = NOW,
    ip: str = "127.0.0.1",
    payment_address: str | None = WALLET,
    **changes: Any,
) -> Rejection | None:
    request = DelegatedRequest(
        replace(FREE, **changes), Signature(1, expiry, 27, 1, 1), {}, MESSAGE
    )
    return check_delegated(
        request,
        pipeline=pipeline or None,
        ip=ip,
        now=NOW,
        known=KNOWN,
        payment_address=payment_address,
    )


def onchain(
    *pipeline: str,
    completed: bool = False,
    payment_address: str | None = WALLET,
    **changes: Any,
) -> Rejection | None:
    return check_subscription(
        7,
        replace(FREE, **changes),
        completed=completed,
        pipeline=pipeline or None,
        known=KNOWN,
        payment_address=payment_address,
    )


class TestOffchain:
    @pytest.mark.parametrize(
        ("pipeline", "expected"),
        [
            ([], Rejection("No containers specified", {})),
            (["nope"], Rejection("Container not supported", {"container": "nope"})),
            (["open", "nope", "no"], Rejection("Container not supported", {"container": "nope"})),
            (
                ["inner", "open"],
                Rejection("First container must be external", {"first_container": "inner"}),
            ),
            # An unknown container is named before one that may not be first.
            (["inner", "nope"], Rejection("Container not supported", {"container": "nope"})),
            (["open"], None),
            (["open", "inner"], None),
            (["open", "open"], None),
        ],
    )
    def test_containers(self, pipeline: list[str], expected: Rejection | None) -> None:
        assert offchain(*pipeline) == expected

    def test_a_proof_comes_from_the_last_container(self) -> None:
        refused = Rejection("Container does not generate proof", {"container": "open"})

        assert offchain("proving", "open", requires_proof=True) == refused
        assert offchain("open", "proving", requires_proof=True) is None

    @pytest.mark.parametrize(
        ("ip", "allowed"),
        [
            ("10.255.255.255", True),
            ("11.0.0.1", False),
            ("fd12::1", True),
            ("fe80::1", False),
            ("not an address", False),
        ],
    )
    def test_the_firewall_of_every_container_counts(self, ip: str, allowed: bool) -> None:
        refused = Rejection(
            "Container not allowed for address", {"container": "fenced", "address": ip}
        )
        assert offchain("open", "fenced", ip=ip) == (None if allowed else refused)

    def test_proof_is_judged_before_the_firewall(self) -> None:
        rejection = offchain("fenced", requires_proof=True, ip="1.2.3.4")
        assert rejection == Rejection("Container does not generate proof", {"container": "fenced"})


class TestDelegated:
    def test_a_disabled_chain(self) -> None:
        request = DelegatedRequest(FREE, Signature(1, 1, 27, 1, 1), {}, MESSAGE)
        assert chain_disabled(request) == Rejection(
            "Chain not enabled", {"delegated_subscription": MESSAGE}
        )

    def test_expiry(self) -> None:
        assert delegated("open", expiry=NOW - 1) == Rejection(
            "Signature expired", {"delegated_subscription": MESSAGE}
        )
        assert delegated("open", expiry=NOW) is None

    def test_an_unknown_hash(self) -> None:
        assert delegated() == Rejection(
            "Container not supported", {"containers_hash": "0x" + HASH.hex()}
        )

    def test_the_first_container(self) -> None:
        assert delegated("inner") == Rejection(
            "First container must be external", {"first_container": "inner"}
        )

    def test_a_verifier_needs_a_proof(self) -> None:
        assert delegated("open", verifier=VERIFIER) == Rejection(
            "Container does not generate proof", {"container": "open"}
        )
        assert delegated("proving", verifier=VERIFIER) is None

    def test_the_owner(self) -> None:
        assert delegated("open", "owned", owner=STRANGER) == Rejection(
            "Container not allowed for address", {"container": "owned", "address": STRANGER}
        )
        assert delegated("open", "owned") is None

    def test_the_firewall_holds_here_too(self) -> None:
        assert delegated("fenced", ip="1.2.3.4") == Rejection(
            "Container not allowed for address", {"container": "fenced", "address": "1.2.3.4"}
        )

    def test_w_07_payment_is_due_here_too(self) -> None:
        assert delegated("dear", payment_token=TOKEN, payment_amount=99) == Rejection(
            "Invalid payment",
            {"reason": f"Token {TOKEN} below minimum payment requirements"},
        )


class TestOnchain:
    @pytest.mark.parametrize(
        ("pipeline", "changes", "expected"),
        [
            ([], {"completed": True}, Rejection("Subscription completed", {})),
            (
                [],
                {},
                Rejection("Container-set not supported", {"containers_hash": "0x" + HASH.hex()}),
            ),
            (
                ["inner"],
                {},
                Rejection("First container must be external", {"first_container": "inner"}),
            ),
            (
                ["open", "owned"],
                {"owner": STRANGER},
                Rejection(
                    "Container not allowed for address",
                    {"container": "owned", "address": STRANGER},
                ),
            ),
            # The owner is judged before the proof.
            (
                ["owned"],
                {"owner": STRANGER, "verifier": VERIFIER},
                Rejection(
                    "Container not allowed for address",
                    {"container": "owned", "address": STRANGER},
                ),
            ),
            (
                ["open"],
                {"verifier": VERIFIER},
                Rejection("Container does not generate proof", {"container": "open"}),
            ),
            (["dear"], {}, Rejection("Invalid payment", {"subscription_id": 7})),
            (["open"], {}, None),
            (["owned"], {}, None),
            # A firewall is for callers over IP.
            (["fenced"], {}, None),
        ],
    )
    def test_rules(
        self, pipeline: list[str], changes: dict[str, Any], expected: Rejection | None
    ) -> None:
        assert onchain(*pipeline, **changes) == expected


class TestPayment:
    @pytest.mark.parametrize(
        ("pipeline", "token", "amount", "expected"),
        [
            (["open"], TOKEN, 5, None),
            (["open"], ZERO_ADDRESS, 0, None),
            (["dear"], TOKEN, 100, None),
            (["dear"], TOKEN, 99, f"Token {TOKEN} below minimum payment requirements"),
            (["dear"], ZERO_ADDRESS, 0, f"Token {ZERO_ADDRESS} not accepted for container dear."),
            (["dear", "cheap"], TOKEN, 110, None),
            (
                ["dear", "cheap"],
                TOKEN,
                109,
                f"Token {TOKEN} below minimum payment requirements",
            ),
            (["cheap"], ZERO_ADDRESS, 0, None),
            (["open", "cheap"], TOKEN, 10, None),
        ],
    )
    def test_requirements(
        self, pipeline: list[str], token: str, amount: int, expected: str | None
    ) -> None:
        subscription = replace(FREE, payment_token=token, payment_amount=amount)
        stages = [KNOWN[container] for container in pipeline]
        assert payment_problem(subscription, stages, payment_address=WALLET) == expected

    def test_a_node_without_wallet_earns_nothing(self) -> None:
        paid = replace(FREE, payment_amount=1)

        assert payment_problem(paid, [KNOWN["open"]], payment_address=None) == (
            "No payment address provided for the node"
        )
        assert payment_problem(FREE, [KNOWN["open"]], payment_address=None) is None
