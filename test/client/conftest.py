from collections.abc import Iterator

import pytest

from infernet_client.node import NodeClient
from test.client.scripted_node import ScriptedNode


@pytest.fixture
def node() -> Iterator[ScriptedNode]:
    with ScriptedNode() as running:
        yield running


@pytest.fixture
def client(node: ScriptedNode) -> NodeClient:
    return NodeClient(node.url)
