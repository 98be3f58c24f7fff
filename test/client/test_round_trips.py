"""Whatever is given arrives as it was: input through a file, ids through a URL, parameters."""

import asyncio
import json
from collections.abc import Iterator
from typing import Any
from urllib.parse import parse_qsl, urlsplit

import pytest
from eth_utils.address import to_checksum_address
from hypothesis import given, settings
from hypothesis import strategies as st

from infernet_client.chain.subscription import Subscription
from infernet_client.node import NodeClient
from infernet_protocol.hashing import container_id
from infernet_protocol.lenient_json import loads
from test.client.command_line import run
from test.client.scripted_node import ScriptedNode

NUMBERS = st.integers(-(2**70), 2**70) | st.floats(allow_nan=False, allow_infinity=False)
TEXTS = st.text(st.characters(exclude_categories=["Cs"]))
VALUES = st.recursive(
    st.none() | st.booleans() | NUMBERS | TEXTS,
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(TEXTS, inner, max_size=3),
    max_leaves=8,
)
ADDRESSES = st.binary(min_size=20, max_size=20).map(to_checksum_address)
NAMES = st.text("abcdefghijklmnopqrstuvwxyz_-0123456789", min_size=1)
PARAMETERS = st.fixed_dictionaries(
    {
        "owner": ADDRESSES,
        "active_at": st.integers(0, 2**32 - 1),
        "period": st.integers(0, 2**32 - 1),
        "frequency": st.integers(0, 2**32 - 1),
        "redundancy": st.integers(0, 2**16 - 1),
        "containers": st.lists(NAMES, min_size=1, max_size=3),
        "lazy": st.booleans(),
        "verifier": ADDRESSES,
        "payment_amount": st.integers(0, 2**256 - 1),
        "payment_token": ADDRESSES,
        "wallet": ADDRESSES,
    }
)


@pytest.fixture(scope="module")
def shared() -> Iterator[ScriptedNode]:
    with ScriptedNode() as running:
        yield running


@settings(max_examples=50, deadline=None)
@given(data=st.dictionaries(TEXTS, VALUES, max_size=4), readable=st.booleans())
def test_input_reaches_the_node_unchanged(
    shared: ScriptedNode, data: dict[str, Any], readable: bool
) -> None:
    text = json.dumps(data, ensure_ascii=not readable) + " // as printed"

    ended = run("job", "-c", "tgi", stdin=text.encode(), env={"SERVER_URL": shared.url})

    assert (ended.code, ended.err) == (0, "")
    assert shared.seen[-1].body["data"] == data


@settings(max_examples=50, deadline=None)
@given(ids=st.lists(TEXTS.filter(bool), min_size=1, max_size=3))
def test_ids_reach_the_node_unchanged(shared: ScriptedNode, ids: list[str]) -> None:
    asyncio.run(NodeClient(shared.url).get_job_results(ids))

    query = urlsplit(shared.seen[-1].path_qs).query
    assert [value for name, value in parse_qsl(query) if name == "id"] == ids


@given(PARAMETERS)
def test_parameters_of_a_file_reach_the_wire_unchanged(parameters: dict[str, Any]) -> None:
    text = json.dumps(parameters, indent=4)[:-2] + ", // the last one\n}"
    subscription = Subscription.from_mapping(loads(text))

    wire = json.loads(json.dumps(subscription.serialized))

    hashed = "0x" + container_id(parameters["containers"]).hex()
    assert wire == {**parameters, "containers": hashed}
