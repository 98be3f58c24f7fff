"""A container that answers at once: ``python -m bench.chain.container PORT``."""

import sys

from aiohttp import web
from eth_abi.abi import encode

ANSWER = "Only if they hold the wok with both claws."


async def _answer(request: web.Request) -> web.Response:
    await request.read()
    return web.json_response(
        {
            "raw_input": None,
            "processed_input": None,
            "raw_output": encode(["string"], [ANSWER]).hex(),
            "processed_output": None,
            "proof": None,
        }
    )


async def _alive(_request: web.Request) -> web.Response:
    return web.Response(text="ready")


def main(port: int) -> None:
    app = web.Application()
    app.router.add_get("/", _alive)
    app.router.add_post("/service_output", _answer)
    web.run_app(app, host="127.0.0.1", port=port, print=None, access_log=None)


if __name__ == "__main__":
    main(int(sys.argv[1]))
