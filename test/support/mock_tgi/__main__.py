"""Runs the mock server until it is stopped."""

import argparse
import signal
import threading

from test.support.mock_tgi.server import MockTGI
from test.support.mock_tgi.settings import Settings


def main() -> None:
    """Entry point of ``python -m test.support.mock_tgi``."""
    parser = argparse.ArgumentParser(
        prog="python -m test.support.mock_tgi",
        description="A Text Generation Inference server without a model, for demos and tests.",
        epilog="Scripts are set with POST /_mock/script, requests read with GET /_mock/requests.",
    )
    defaults = Settings()
    parser.add_argument("--host", default="127.0.0.1", help="address to listen on")
    parser.add_argument("--port", type=int, default=8080, help="TCP port, 0 for a free one")
    parser.add_argument(
        "--token-delay", type=float, default=0.0, help="seconds before each token (default 0)"
    )
    parser.add_argument(
        "--seed", type=int, default=defaults.seed, help="another one, other answers"
    )
    parser.add_argument("--model-id", default=defaults.model_id, help="name of the served model")
    parser.add_argument("--api-key", default=None, help="bearer token that callers must send")
    parser.add_argument(
        "--max-concurrent-requests",
        type=int,
        default=defaults.max_concurrent_requests,
        help="generations at once; one more is refused (default %(default)s)",
    )
    options = parser.parse_args()
    settings = Settings(
        token_delay=options.token_delay,
        seed=options.seed,
        model_id=options.model_id,
        api_key=options.api_key,
        max_concurrent_requests=options.max_concurrent_requests,
    )
    stopped = threading.Event()
    for number in (signal.SIGINT, signal.SIGTERM):
        signal.signal(number, lambda *_: stopped.set())
    with MockTGI(host=options.host, port=options.port, settings=settings) as tgi:
        print(f"mock TGI of {settings.model_id} on {tgi.url}", flush=True)
        stopped.wait()


if __name__ == "__main__":
    main()
