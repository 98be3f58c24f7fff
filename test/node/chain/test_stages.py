"""One list of words for what becomes of a request, wherever it is told."""

from pathlib import Path

import pytest
from prometheus_client import CollectorRegistry

from infernet_node.api.openapi import document
from infernet_node.chain.fulfilments import fulfilments_table
from infernet_node.chain.history import IntervalHistory
from infernet_node.chain.metrics import ChainMetrics
from infernet_node.chain.stages import ENDS, OPEN, Stage
from test.node.chain.world import Chain, Log, Node, Pipeline

PAGE = (Path(__file__).parents[3] / "docs" / "chain.md").read_text()
NAMED = ("answered", "answered by another", "failed", "expired", "ignored")


def test_every_request_ends_in_one_of_five_states() -> None:
    assert tuple(str(stage) for stage in ENDS) == NAMED
    assert {*OPEN, *ENDS} == {*Stage}


def test_figures_have_all_of_them_from_the_start() -> None:
    registry = CollectorRegistry()
    ChainMetrics(registry)

    samples = [sample for metric in registry.collect() for sample in metric.samples]
    states = [s.labels["state"] for s in samples if s.name == "infernet_chain_intervals_total"]
    assert sorted(states) == sorted(NAMED)


def test_rest_describes_them() -> None:
    history = document()["components"]["schemas"]["SubscriptionHistory"]["properties"]
    assert history["intervals"]["items"]["properties"]["state"]["enum"] == list(Stage)


def test_rows_have_room_for_them() -> None:
    length = fulfilments_table.c.stage.type.length  # type: ignore[attr-defined]
    assert all(len(stage) <= length for stage in Stage)


@pytest.mark.parametrize("state", NAMED)
def test_the_page_explains_them(state: str) -> None:
    assert f"| `{state}` |" in PAGE


@pytest.mark.parametrize("stage", Stage)
def test_why_says_the_word_itself(stage: Stage) -> None:
    assert IntervalHistory(1, stage, None, ()).state == stage


async def test_row_log_figure_and_rest_say_the_same_of_one_answer(
    chain: Chain, node: Node, log: Log
) -> None:
    subscription_id = chain.ask("in one word?")
    await node.until(lambda: node.figure("infernet_chain_intervals_total") == 1)

    (history,) = await node.service.history(str(subscription_id), None)
    assert [interval["state"] for interval in history.to_json()["intervals"]] == [Stage.ANSWERED]
    assert log.has("interval answered")
    assert node.figures("infernet_chain_intervals_total", "state") == {"answered": 1}


async def test_row_log_figure_and_rest_say_the_same_of_a_failure(
    chain: Chain, node: Node, log: Log, pipeline: Pipeline
) -> None:
    pipeline.refuses = True
    subscription_id = chain.ask("too long?")
    await node.until(lambda: node.figure("infernet_chain_intervals_total") == 1)

    (history,) = await node.service.history(str(subscription_id), None)
    (interval,) = history.to_json()["intervals"]
    assert (interval["state"], interval["reason"]) == (Stage.FAILED, "text: too long")
    assert log.has("interval failed.*reason=text: too long")
    assert node.figures("infernet_chain_intervals_total", "state") == {"failed": 1}
