"""A Text Generation Inference server without a model: same HTTP API, same errors.

In tests::

    with MockTGI() as tgi:
        tgi.script(Behaviour(status=429, body={"error": "...", "error_type": "overloaded"}))
        requests.post(tgi.url + "/generate", json={"inputs": "hello"})
        assert tgi.generations[0].json == {"inputs": "hello"}

As a process: ``python -m test.support.mock_tgi --help``.
"""

from test.support.mock_tgi.scripting import Behaviour, Recorded, overloaded
from test.support.mock_tgi.server import MockTGI
from test.support.mock_tgi.settings import Settings

__all__ = ["Behaviour", "MockTGI", "Recorded", "Settings", "overloaded"]
