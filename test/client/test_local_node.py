"""Commands that name no node ask the one of this machine, on port 4000.

Whatever listens there is not disturbed: a proxy takes the requests and shows where they were going.
"""

import time
from pathlib import Path

from test.client.command_line import Ended, run
from test.client.deployed import OWNER_KEY, DeployedChain
from test.client.scripted_node import ScriptedNode

SAMPLES = Path(__file__).parents[2] / "client" / "samples"
LOCAL = "127.0.0.1:4000"


def test_a_job_goes_to_the_local_node(node: ScriptedNode) -> None:
    line = ("job", "-c", "tgi", "-i", str(SAMPLES / "input.json"), "--sync")

    ended = run(*line, env={"INFERNET_PROXY": node.url})

    assert ended == Ended(0, '{\n  "output": "Yes, and well."\n}\n', "")
    assert {seen.headers["Host"] for seen in node.seen} == {LOCAL}


def test_a_subscription_goes_to_the_local_node(
    chain: DeployedChain, node: ScriptedNode, tmp_path: Path
) -> None:
    key = tmp_path / "key-file.txt"
    key.write_text(OWNER_KEY)
    expiry = max(int(time.time()), chain.anvil.timestamp) + 1000

    ended = run(
        *("sub", "--rpc_url", chain.url, "--address", chain.coordinator, "--expiry", str(expiry)),
        *("--key", str(key), "--params", str(SAMPLES / "params.json")),
        *("--input", str(SAMPLES / "input.json"), "--nonce", "1"),
        env={"INFERNET_PROXY": node.url},
    )

    assert ended == Ended(0, "Success: Subscription created.\n", "")
    (seen,) = node.seen
    assert (seen.headers["Host"], seen.method) == (LOCAL, "POST")
    assert seen.path_qs.endswith("/api/jobs")
