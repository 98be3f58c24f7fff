"""Delegated subscriptions over ``POST /api/jobs``."""

import time
from pathlib import Path
from typing import Any

import pytest
from sqlalchemy.exc import OperationalError
from structlog.testing import capture_logs

from infernet_node.ports import RejectionError
from infernet_protocol.delegation import Signature
from infernet_protocol.hashing import container_id
from infernet_protocol.subscription import ZERO_ADDRESS
from test.support.container import ScriptedContainer
from test.support.node import FakeChain, running_node

OWNER = "0x5FbDB2315678afecb367f032d93F642f64180aa3"


def delegated(container: str, **changes: Any) -> dict[str, Any]:
    """Returns a body whose signature fits the form and nothing else."""
    return {
        "signature": {
            "nonce": 7,
            "expiry": int(time.time()) + 60,
            "v": 27,
            "r": 2**256 - 1,
            "s": 98765,
            **changes.get("signature", {}),
        },
        "subscription": {
            "owner": OWNER.lower(),
            "active_at": 0,
            "period": 3,
            "frequency": 2,
            "redundancy": 2,
            "containers": container_id(container).hex(),
            "lazy": False,
            "verifier": ZERO_ADDRESS,
            "payment_amount": 0,
            "payment_token": ZERO_ADDRESS,
            "wallet": ZERO_ADDRESS,
            **changes.get("subscription", {}),
        },
        "data": changes.get("data", {"text": "hi"}),
    }


@pytest.mark.parametrize("prefix", ["", "0x"])
async def test_accepted(tmp_path: Path, container: ScriptedContainer, prefix: str) -> None:
    chain = FakeChain()
    config = {"containers": [{"id": "one", "url": container.url}]}
    body = delegated("one", subscription={"payment_amount": 2**256 - 1, "wallet": OWNER})
    body["subscription"]["containers"] = prefix + body["subscription"]["containers"]
    async with running_node(
        {**config, "chain": {"wallet": {"payment_address": OWNER}}}, tmp_path, chain=chain
    ) as node:
        assert await node.post("/api/jobs", body) == (200, {})

    ((subscription, signature, data),) = chain.accepted
    assert subscription.owner == OWNER
    assert subscription.container_id == container_id("one")
    assert subscription.payment_amount == 2**256 - 1
    assert (subscription.period, subscription.frequency, subscription.redundancy) == (3, 2, 2)
    assert signature == Signature(7, body["signature"]["expiry"], 27, 2**256 - 1, 98765)
    assert data == {"text": "hi"}


async def test_rules_are_applied(tmp_path: Path, container: ScriptedContainer) -> None:
    chain = FakeChain()
    config = {"containers": [{"id": "one", "url": container.url}]}
    expired = delegated("one", signature={"expiry": 1_713_376_164})
    async with running_node(config, tmp_path, chain=chain) as node:
        assert await node.post("/api/jobs", expired) == (
            405,
            {"error": "Signature expired", "params": {"delegated_subscription": expired}},
        )
        assert await node.post("/api/jobs", delegated("other")) == (
            405,
            {
                "error": "Container not supported",
                "params": {"containers_hash": "0x" + container_id("other").hex()},
            },
        )
    assert chain.accepted == []


@pytest.mark.parametrize("path", ["/api/jobs", "/api/jobs/batch"])
async def test_a_store_that_is_away_is_said_and_logged(
    tmp_path: Path, container: ScriptedContainer, path: str
) -> None:
    class Forgetful(FakeChain):
        async def accept_delegated(self, *_request: Any) -> None:
            raise OperationalError("INSERT", {}, Exception("disk is full"))

    config = {"containers": [{"id": "one", "url": container.url}]}
    batch = path.endswith("batch")
    body = delegated("one")
    async with running_node(config, tmp_path, chain=Forgetful()) as node:
        with capture_logs() as log:
            answer = await node.post(path, [body] if batch else body)

    said = {"error": "Could not enqueue job: the store is not available"}
    assert answer == ((200, [said]) if batch else (500, said))
    (line,) = [line for line in log if line["log_level"] == "error"]
    assert line["event"] == "request_failed"
    assert "disk is full" in line["cause"]


async def test_w_09_what_the_chain_says_is_passed_on(
    tmp_path: Path, container: ScriptedContainer
) -> None:
    chain = FakeChain(rejection=RejectionError("Subscription signer mismatch", {"signer": OWNER}))
    config = {"containers": [{"id": "one", "url": container.url}]}
    async with running_node(config, tmp_path, chain=chain) as node:
        assert await node.post("/api/jobs", delegated("one")) == (
            405,
            {"error": "Subscription signer mismatch", "params": {"signer": OWNER}},
        )
