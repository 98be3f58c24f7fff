import json
from collections.abc import Callable
from pathlib import Path

import pytest
from eth_typing import ChecksumAddress
from web3.contract import Contract

from infernet_protocol.abis import abi
from infernet_protocol.hashing import container_id
from infernet_protocol.subscription import Subscription
from scripts.accounts import anvil_account
from scripts.chain import Sender
from test.scripts.conftest import Node, Run, Running
from test.support.anvil import Anvil

PERIOD = 100
Start = Callable[..., Running]
Schedule = Callable[..., int]


def test_each_answer_is_shown_as_it_arrives_and_a_missed_interval_is_named(
    start: Start, deployments: Path, anvil: Anvil, node: Node, coordinator: Contract
) -> None:
    options = ("--deploy", "--container", "llm", "--period", str(PERIOD), "--wait", "--json")
    script = start("subscribe.py", *options, "--deployments", deployments, "a?", "b?", "c?")

    scheduled = script.event()
    subscription_id, active_at = scheduled["subscription_id"], scheduled["active_at"]
    anvil.mine_at(active_at)
    node.deliver(subscription_id, 1, "A")
    first = script.event()
    anvil.mine_at(active_at + 2 * PERIOD)
    missed = script.event()
    node.deliver(subscription_id, 3, "C")
    third = script.event()
    done = script.rest()

    assert scheduled["event"] == "scheduled"
    assert (first["event"], first["interval"], first["answer"]) == ("answered", 1, "A")
    assert first["node"] == node.address
    assert missed == {"event": "missed", "interval": 2}
    assert (third["interval"], third["answer"]) == (3, "C")
    assert done.returncode == 1
    assert f"nobody answered interval 2 of subscription {subscription_id}:" in done.error
    stored = Subscription.from_abi(coordinator.functions.getSubscription(subscription_id).call())
    assert (stored.frequency, stored.period, stored.redundancy) == (3, PERIOD, 1)
    assert stored.container_id == container_id("llm")
    recorded = json.loads((deployments / "31337.json").read_text())
    assert recorded["ScheduledChat"]["address"] == stored.owner == scheduled["consumer"]


def test_it_ends_well_when_every_node_has_answered(
    start: Start, scheduled_chat: ChecksumAddress, node: Node, coordinator: Contract
) -> None:
    options = ("--period", "0", "--redundancy", "2", "--consumer", scheduled_chat, "--wait")
    script = start("subscribe.py", *options, "Is it \x1b[31mred?")
    name, subscription_id = script.line().split()
    assert name == "subscription"

    node.deliver(int(subscription_id), 1, "Yes.\nVery \x1b[31mred.")
    Node(coordinator, account=3).deliver(int(subscription_id), 1, "No.")

    done = script.rest()
    assert done.returncode == 0, done.stderr
    lines = done.stdout.splitlines()
    assert lines[0] == f"consumer      {scheduled_chat}"
    assert lines[1].startswith("questions     1, the first at ")
    assert lines[3] == "interval 1    Yes."
    assert lines[4] == "Very \\x1b[31mred."
    assert lines[5].split()[0] == node.address
    assert lines[6] == "interval 1    No."


def test_only_who_scheduled_can_cancel(
    run: Run,
    invoke: Run,
    schedule: Schedule,
    scheduled_chat: ChecksumAddress,
    coordinator: Contract,
) -> None:
    subscription_id = str(schedule("one?", "two?"))
    options = ("--consumer", scheduled_chat, "--cancel", subscription_id)

    refused = invoke("subscribe.py", *options, PRIVATE_KEY=anvil_account(7).key.hex())
    assert refused.returncode == 1
    assert f"cancelling subscription {subscription_id} would revert: NotScheduler" in refused.error

    done = run("subscribe.py", *options, "--json")
    assert done.returncode == 0, done.stderr
    cancelled = json.loads(done.stdout)
    assert (cancelled["event"], cancelled["subscription_id"]) == ("cancelled", int(subscription_id))
    stored = Subscription.from_abi(
        coordinator.functions.getSubscription(int(subscription_id)).call()
    )
    assert stored.cancelled


def test_waiting_ends_when_the_subscription_is_cancelled(
    start: Start, scheduled_chat: ChecksumAddress, requester: Sender
) -> None:
    options = ("--consumer", scheduled_chat, "--wait", "--json")
    script = start("subscribe.py", *options, "one?", "two?")
    subscription_id = script.event()["subscription_id"]
    contract = requester.web3.eth.contract(scheduled_chat, abi=abi("ScheduledChat"))
    requester.send(contract.functions.cancel(subscription_id), "cancelling")
    done = script.rest()
    assert done.returncode == 1
    assert done.error == f"Error: subscription {subscription_id} was cancelled"


def test_nobody_answers_in_time(invoke: Run, scheduled_chat: ChecksumAddress) -> None:
    options = ("--period", "5", "--wait", "--timeout", "0", "--consumer", scheduled_chat)
    done = invoke("subscribe.py", *options, "one?", "two?")
    assert done.returncode == 1
    assert "nobody answered intervals 1, 2 of subscription " in done.error
    assert "within 0 s: is a node running" in done.error
    assert "questions     2, one every 5 s, the first at 2" in done.stdout


def test_it_says_how_to_get_a_consumer(invoke: Run, deployments: Path) -> None:
    done = invoke("subscribe.py", "--deployments", deployments, "one?")
    assert done.returncode == 1
    assert "31337.json has no ScheduledChat: deploy one with scripts/subscribe.py" in done.error


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        ((), "give either QUESTIONS to schedule or --cancel ID"),
        (("one?", "--cancel", "7"), "give either QUESTIONS to schedule or --cancel ID"),
        (("--cancel", "0"), "'--cancel': 0 is not in the range"),
        (("one?", "two?", "--period", "0"), "--period: at least 1 where there are several"),
        (("one?", "--deploy", "--consumer", "0x" + "12" * 20), "--deploy makes a new contract"),
        (("one?", "--redundancy", "65536"), "'--redundancy': 65536 is not in the range"),
    ],
)
def test_wrong_usage_is_named(invoke: Run, arguments: tuple[str, ...], message: str) -> None:
    done = invoke("subscribe.py", *arguments)
    assert done.returncode == 2
    assert message in done.stderr
