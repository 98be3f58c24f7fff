"""Every call that the public client library makes to a node, run by that library.

Runs in the library's own environment: ``python calls.py NODE_URL RPC_URL PRIVATE_KEY``. Prints one
JSON object, what each call returned or raised.
"""

# Typed by the library, which mypy of this project cannot see.
# mypy: ignore-errors

import asyncio
import json
import sys
import time

from eth_account import Account

from infernet_client import NodeClient
from infernet_client.chain.rpc import RPC
from infernet_client.chain.subscription import Subscription
from infernet_client.error import APIError

ZERO = "0x" + "00" * 20
COORDINATOR = "0x2E983A1Ba5e8b38AAAeC4B440B9dDcFBf72E15d1"


def job(*containers, **data):
    return {"containers": list(containers), "data": data}


async def raised(call):
    try:
        await call
    except APIError as error:
        return [error.status_code, error.message, error.params]


async def main(node_url, rpc_url, private_key):
    client = NodeClient(node_url)
    told = {"health": await client.health(), "info": await client.get_info()}

    job_id = await client.request_job(job("one", n=1))
    told["job"] = [job_id, await client.get_job_result_sync(job_id)]
    told["unknown"] = await client.get_job_result_sync("00000000-0000-4000-8000-000000000000")
    told["refused"] = await raised(client.request_job(job("nope")))

    batch = await client.request_jobs([job("one", n=2), job("nope"), job("one", "two", n=3)])
    told["batch"] = batch
    ids = [outcome["id"] for outcome in batch if "id" in outcome]
    for batch_id in ids:
        await client.get_job_result_sync(batch_id)
    told["batch_results"] = await client.get_job_results(ids, intermediate=True)
    told["batch_refused"] = await raised(client.request_jobs({}))

    told["stream"] = []
    async for piece in client.request_stream(job("streaming")):
        told["stream"].append(piece if isinstance(piece, str) else piece.decode())
    try:
        async for _ in client.request_stream(job("nope")):
            pass
    except APIError as error:
        told["stream_refused"] = [error.status_code, error.message]

    await client.record_status("reported-1", "success", job("one"))
    told["status_refused"] = await raised(client.record_status("reported-2", "done", job("one")))
    told["ids"] = {str(p): await client.get_jobs(pending=p) for p in (None, True, False)}

    owner = Account.from_key(private_key).address
    subscription = Subscription(
        owner, int(time.time()), 0, 1, 1, ["one"], False, ZERO, 0, ZERO, ZERO
    )

    def delegated(expiry):
        return client.request_delegated_subscription(
            subscription, RPC(rpc_url), COORDINATOR, expiry, 7, private_key, {"prompt": "hi"}
        )

    await delegated(int(time.time()) + 600)
    told["expired"] = (await raised(delegated(1)))[:2]
    print(json.dumps(told))


if __name__ == "__main__":
    asyncio.run(main(*sys.argv[1:]))
