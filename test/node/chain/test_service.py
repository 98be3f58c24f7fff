"""The chain half against the real contracts: what is asked is answered, once."""

import asyncio
from typing import Any

import pytest

from infernet_node.chain.contracts import GET_CONTAINER_INPUTS
from infernet_node.chain.rpc import Rpc
from infernet_node.chain.rpc_errors import RefusedError, TransportError
from infernet_node.config import ContainerConfig
from test.node.chain.world import NODE, REQUESTER, Chain, Log, Node, Pipeline, onchain_answer
from test.support.anvil import KEYS


async def test_a_callback_is_answered_once(chain: Chain, node: Node, pipeline: Pipeline) -> None:
    subscription_id = chain.ask("Can shrimp actually fry rice?")

    await node.until(lambda: chain.deliveries() > 0)
    await node.until(lambda: chain.anvil.number > 20)

    assert chain.answer(subscription_id) == "echo: Can shrimp actually fry rice?"
    assert chain.deliveries(subscription_id) == 1
    assert len(pipeline.runs) == 1
    assert chain.reverted() == 0


async def test_a_callback_lands_in_the_block_after_the_one_that_asked(
    chain: Chain, node: Node
) -> None:
    await node.until(lambda: node.service.status == "ready")
    chain.ask("quick?")
    asked_in = chain.anvil.number
    await node.until(lambda: chain.pending_of(NODE) == 1, mine=False)
    chain.anvil.mine()

    assert chain.anvil.number == asked_in + 1
    assert chain.deliveries() == 1


async def test_w_24_each_interval_is_answered_once_with_its_own_input(
    chain: Chain, node: Node, pipeline: Pipeline
) -> None:
    subscription_id = chain.schedule(["first", "second"], period=10)

    await node.until(lambda: chain.deliveries(subscription_id) == 2)
    await node.until(lambda: chain.anvil.number > 50)

    assert chain.scheduled_answer(subscription_id, 1) == "echo: first"
    assert chain.scheduled_answer(subscription_id, 2) == "echo: second"
    assert chain.deliveries(subscription_id) == 2
    assert len(pipeline.runs) == 2
    assert chain.reverted() == 0


async def test_w_27_many_callbacks_do_not_wait_for_each_other(
    chain: Chain, node: Node, pipeline: Pipeline
) -> None:
    ids = [chain.ask(f"question {number}") for number in range(20)]

    await node.until(lambda: chain.deliveries() == len(ids))

    assert [chain.answer(id_) for id_ in ids] == [f"echo: question {n}" for n in range(20)]


async def test_w_19_a_late_answer_is_discarded_not_delivered_as_the_next_interval(
    chain: Chain, node: Node, pipeline: Pipeline
) -> None:
    pipeline.gate = asyncio.Event()
    subscription_id = chain.schedule(["first", "second"], period=10)
    await node.until(lambda: len(pipeline.runs) == 1)
    await node.until(lambda: len(pipeline.runs) == 2)

    pipeline.gate.set()
    await node.until(lambda: chain.deliveries() == 1)
    await node.until(lambda: chain.anvil.number > 50)

    assert chain.scheduled_answer(subscription_id, 1) == ""
    assert chain.scheduled_answer(subscription_id, 2) == "echo: second"
    assert chain.deliveries() == 1
    assert chain.reverted() == 0


async def test_a_cancelled_subscription_is_not_computed(
    chain: Chain, node: Node, pipeline: Pipeline, log: Log
) -> None:
    subscription_id = chain.schedule(["never"], period=20)
    await node.until(lambda: node.service.status == "ready")
    chain.cancel(subscription_id)

    await node.until(lambda: chain.anvil.number > 50)

    assert pipeline.runs == []
    assert log.has(f"subscription cancelled.*{subscription_id}")


async def test_a_subscription_past_its_last_interval_is_let_go(
    chain: Chain, node: Node, log: Log
) -> None:
    subscription_id = chain.schedule(["only"], period=5)

    await node.until(lambda: log.has(f"subscription expired.*{subscription_id}"))


async def test_a_consumer_that_always_reverts_does_not_hold_up_the_others(
    chain: Chain, node: Node, pipeline: Pipeline
) -> None:
    # Half an on-chain answer is delivered as text, which ChatConsumer cannot decode.
    pipeline.reply = lambda question: {"raw_output": None} if "bad" in question else None
    bad = chain.ask("bad")
    await node.until(lambda: len(pipeline.runs) == 1)
    pipeline.reply = None
    good = chain.ask("good")

    await node.until(lambda: chain.deliveries(good) == 1)

    assert chain.deliveries(bad) == 0
    assert chain.reverted() == 0
    assert chain.nonce_of(NODE) == 1


async def test_w_29_a_failing_container_is_asked_again(
    chain: Chain, node: Node, pipeline: Pipeline, log: Log
) -> None:
    pipeline.failures = 1
    subscription_id = chain.ask("again?")

    await node.until(lambda: chain.deliveries() == 1)

    assert chain.answer(subscription_id) == "echo: again?"
    assert len(pipeline.runs) == 2
    assert log.has(f"container execution errored.*{subscription_id}")


async def test_a_container_that_finds_fault_with_the_input_is_not_asked_again(
    chain: Chain, node: Node, pipeline: Pipeline, log: Log
) -> None:
    pipeline.refuses = True
    refused = chain.ask("far too long")
    await node.until(lambda: log.has(f"container execution errored.*too long.*id={refused}"))
    pipeline.refuses = False
    chain.ask("short?")

    await node.until(lambda: chain.deliveries() == 1)

    assert chain.deliveries(refused) == 0
    assert len(pipeline.runs) == 2


async def test_w_20_output_that_is_not_hex_is_a_failure_of_the_container(
    chain: Chain, node: Node, pipeline: Pipeline
) -> None:
    broken = dict.fromkeys(("raw_input", "processed_input", "processed_output"), "xyz")
    pipeline.reply = lambda _question: {**broken, "raw_output": "xyz", "proof": None}
    chain.ask("?")
    await node.until(lambda: len(pipeline.runs) == 1)
    pipeline.reply = None

    await node.until(lambda: chain.deliveries() == 1)

    assert len(pipeline.runs) == 2


async def test_w_20_a_mistake_of_our_own_is_recorded_and_holds_nobody_up(
    chain: Chain, node: Node, pipeline: Pipeline, log: Log
) -> None:
    def mistaken(question: str) -> Any:
        if question == "?":
            raise ZeroDivisionError
        return onchain_answer(f"echo: {question}")

    pipeline.reply = mistaken
    hapless = chain.ask("?")
    good = chain.ask("and me?")

    await node.until(lambda: chain.deliveries(good) == 1)
    await node.until(lambda: log.has(f"stopped tracking subscription.*id={hapless}"))

    (told,) = await node.service.history(str(hapless), None)
    (interval,) = told.intervals
    assert interval.state == "failed(internal error: ZeroDivisionError)"
    assert node.service.status == "ready"


@pytest.mark.parametrize(
    "failure", [TransportError("no answer within 10 s"), RefusedError(-32000, "header not found")]
)
async def test_w_21_a_failure_to_read_inputs_is_not_an_empty_input(
    chain: Chain,
    node: Node,
    pipeline: Pipeline,
    monkeypatch: pytest.MonkeyPatch,
    failure: Exception,
) -> None:
    read = Rpc.shared
    failed: list[str] = []

    async def fail_once(self: Rpc, requests: Any) -> list[Any]:
        results = await read(self, requests)
        for index, request in enumerate(requests):
            data = request.params[0].get("data", "") if request.method == "eth_call" else ""
            if not failed and data.startswith("0x" + GET_CONTAINER_INPUTS.selector.hex()):
                failed.append(data)
                if isinstance(failure, TransportError):
                    raise failure
                results[index] = failure
        return results

    monkeypatch.setattr(Rpc, "shared", fail_once)
    chain.ask("what did I ask?")
    await node.until(lambda: chain.deliveries() == 1)

    assert failed
    assert [run["data"] for run in pipeline.runs] != [""]
    assert len(pipeline.runs) == 1


async def test_a_consumer_whose_inputs_revert_is_computed_without_input(
    chain: Chain, node: Node, pipeline: Pipeline
) -> None:
    # An account without code returns nothing, which is not what getContainerInputs returns.
    chain.subscribe_as(REQUESTER)

    await node.until(lambda: len(pipeline.runs) == 1)

    assert pipeline.runs[0]["data"] == ""


async def test_with_redundancy_two_both_nodes_answer_and_a_third_does_not(
    chain: Chain, node: Node, log: Log, tmp_path: Any
) -> None:
    others = [
        Node(chain, f"sqlite+aiosqlite:///{tmp_path / name}.sqlite", Pipeline(), key=key)
        for name, key in (("second", KEYS[0]), ("third", KEYS[4]))
    ]
    for other in others:
        await other.start()
    subscription_id = chain.schedule(["for two"], period=150, redundancy=2)

    await node.until(lambda: log.has(f"interval answered by another.*id={subscription_id}"))
    await node.until(lambda: log.has(f"subscription expired.*id={subscription_id}"))
    for other in others:
        await other.stop()

    assert chain.deliveries(subscription_id) == 2


async def test_an_error_that_the_operator_allows_is_tried_on_chain_three_times(
    chain: Chain, node: Node, pipeline: Pipeline, log: Log
) -> None:
    await node.stop()
    node.wallet = {"allowed_sim_errors": ("REVERTED",), "max_gas_limit": 400_000}
    await node.start()
    # Half an on-chain answer is delivered as text, which ChatConsumer cannot decode.
    pipeline.reply = lambda _question: {"raw_output": None}
    subscription_id = chain.ask("?")

    pattern = f"subscription has exceeded the maximum number of attempts.*{subscription_id}"
    await node.until(lambda: log.has(pattern))
    await node.until(lambda: chain.anvil.number > 40)

    assert (chain.reverted(), chain.nonce_of(NODE)) == (3, 3)
    assert len(pipeline.runs) == 1


async def test_an_error_that_the_operator_allows_is_after_a_crash_too(
    chain: Chain, node: Node, pipeline: Pipeline, log: Log
) -> None:
    await node.stop()
    node.wallet = {"allowed_sim_errors": ("REVERTED",), "max_gas_limit": 400_000}
    await node.start()
    pipeline.reply = lambda _question: {"raw_output": None}
    node.die_at = "transaction prepared"
    subscription_id = chain.ask("?")
    await node.until(lambda: node.is_dead)

    await node.restart()
    pattern = f"subscription has exceeded the maximum number of attempts.*{subscription_id}"
    await node.until(lambda: log.has(pattern))

    (history,) = await node.service.history(str(subscription_id), 1)
    sent = history.intervals[0].transactions
    assert [each.reason for each in sent] == ["reverted on chain"] * 3


async def test_w_30_three_reverts_give_up_one_interval_and_not_those_after_it(
    chain: Chain, node: Node, pipeline: Pipeline
) -> None:
    await node.stop()
    node.wallet = {"allowed_sim_errors": ("REVERTED",), "max_gas_limit": 400_000}
    await node.start()
    pipeline.reply = lambda question: {"raw_output": None} if question == "first" else None
    # Long enough for three, however many blocks come meanwhile.
    subscription_id = chain.schedule(["first", "second"], period=10_000)
    chain.anvil.mine_at(chain.anvil.timestamp + 10_000)
    await node.until(lambda: chain.reverted() == 3)
    pipeline.reply = None
    chain.anvil.mine_at(chain.anvil.timestamp + 10_000)

    await node.until(lambda: chain.deliveries(subscription_id) == 1)

    assert chain.scheduled_answer(subscription_id, 1) == ""
    assert chain.scheduled_answer(subscription_id, 2) == "echo: second"
    assert chain.reverted() == 3


async def test_what_is_not_for_this_node_is_ignored_with_a_reason(
    chain: Chain, database_url: str, pipeline: Pipeline, log: Log
) -> None:
    for_others = [
        ContainerConfig(
            id="chat", url="http://unused.invalid", allowed_addresses=("0x" + "9" * 40,)
        ),
    ]
    node = Node(chain, database_url, pipeline, containers=for_others)
    await node.start()
    ignored = chain.ask("may I?")

    pattern = f"ignored subscription creation.*{ignored}.*container not allowed for address"
    await node.until(lambda: log.has(pattern))
    await node.stop()

    assert pipeline.runs == []
