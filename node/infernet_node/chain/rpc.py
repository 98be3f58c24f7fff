"""Ethereum JSON-RPC over HTTP, with several endpoints and batches.

aiohttp is used directly: web3.py's HTTP provider opens one connection a request, retries on
its own, and writes endpoint URLs, which often hold an API key, into the debug log.
"""

import json
import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from typing import Any
from urllib.parse import urlsplit

import aiohttp

from infernet_node.chain.coalescing import Coalescer
from infernet_node.chain.metrics import ChainMetrics
from infernet_node.chain.requests import MAX_BATCH, Request
from infernet_node.chain.rpc_errors import RpcError, TransportError, from_error_object

DEFAULT_TIMEOUT = 10.0
_FIRST_REST = 0.5
_LONGEST_REST = 30.0


@dataclass(slots=True)
class _Endpoint:
    url: str
    rests_until: float = 0.0
    failures: int = 0

    @property
    def label(self) -> str:
        return label(self.url)

    def failed(self, now: float) -> None:
        rest = min(_FIRST_REST * 2**self.failures, _LONGEST_REST)
        self.failures += 1
        self.rests_until = now + rest

    def answered(self) -> None:
        self.failures = 0
        self.rests_until = 0.0


@dataclass
class Rpc:
    """A connection to a chain.

    Reads go to the first endpoint that is not resting after a failure, and on to the next one
    when it fails. A raw transaction is handed to one endpoint once: what a failure there
    means is for the caller to find out.

    Args:
        urls: endpoints of the same chain, the preferred one first; http, https, ws or wss.
        timeout: seconds for one HTTP request.
        may_send: whether raw transactions may be handed over now.
    """

    urls: Sequence[str]
    timeout: float = DEFAULT_TIMEOUT
    clock: Callable[[], float] = time.monotonic
    metrics: ChainMetrics = field(default_factory=ChainMetrics)
    may_send: Callable[[], bool] = lambda: True
    _endpoints: list[_Endpoint] = field(init=False)
    _session: aiohttp.ClientSession | None = field(init=False, default=None)
    _reads: Coalescer = field(init=False)
    _sends: Coalescer = field(init=False)

    def __post_init__(self) -> None:
        if not self.urls:
            raise ValueError("rpc_url: at least one endpoint is needed")
        self._endpoints = [_Endpoint(http_url(url)) for url in self.urls]
        self._reads = Coalescer(self._read, isolate=True)
        self._sends = Coalescer(self._hand_over, isolate=False)

    async def close(self) -> None:
        await self._reads.close()
        await self._sends.close()
        if self._session:
            await self._session.close()
            self._session = None

    async def call(self, method: str, *params: Any) -> Any:
        """Returns the result of one read.

        Raises:
            TransportError: no endpoint answered.
            RefusedError: the endpoint refused the request.
            RevertError: the EVM ended the call.
        """
        (result,) = await self.batch([Request(method, params)])
        if isinstance(result, RpcError):
            raise result
        return result

    async def batch(self, requests: Sequence[Request]) -> list[Any]:
        """Returns the results of several reads, asked in one HTTP request where they fit.

        A request that the endpoint or the EVM refused has its :class:`RpcError` as result.

        Raises:
            TransportError: no endpoint answered all of them.
        """
        results: list[Any] = []
        for start in range(0, len(requests), MAX_BATCH):
            results += await self._read(requests[start : start + MAX_BATCH])
        return results

    async def shared(self, requests: Sequence[Request]) -> list[Any]:
        """Returns what :meth:`batch` does, asked together with what others ask meanwhile.

        Raises:
            TransportError: no endpoint answered all of them.
        """
        return await self._reads.ask(requests)

    async def send_raw_transaction(self, raw: bytes) -> str:
        """Hands a signed transaction to one endpoint, once; several at a time in one batch.

        Returns:
            The transaction hash that the endpoint reports.

        Raises:
            TransportError: it may or may not have arrived.
            RefusedError: the endpoint's reason; some of them mean that it already has it.
        """
        request = Request("eth_sendRawTransaction", ("0x" + raw.hex(),))
        (result,) = await self._sends.ask([request])
        if isinstance(result, RpcError):
            raise result
        return str(result)

    async def _hand_over(self, requests: Sequence[Request]) -> list[Any]:
        # Not when it is asked for: it may have waited for the sends before it.
        if not self.may_send():
            raise TransportError("not handed over: another process sends for this account now")
        return await self._ask(self._by_preference()[0], requests)

    async def _read(self, requests: Sequence[Request]) -> list[Any]:
        failure = TransportError("no endpoint")
        for endpoint in self._by_preference():
            try:
                return await self._ask(endpoint, requests)
            except TransportError as error:
                failure = error
        raise failure

    def _by_preference(self) -> list[_Endpoint]:
        now = self.clock()
        return sorted(self._endpoints, key=lambda endpoint: max(endpoint.rests_until - now, 0.0))

    async def _ask(self, endpoint: _Endpoint, requests: Sequence[Request]) -> list[Any]:
        for request in requests:
            self.metrics.rpc_requests.labels(request.method).inc()
        try:
            results = _results(await self._post(endpoint.url, _body(requests)), len(requests))
        except TransportError as error:
            endpoint.failed(self.clock())
            self.metrics.rpc_failures.labels(endpoint.label).inc()
            raise TransportError(f"{endpoint.label}: {error}") from None
        endpoint.answered()
        return results

    async def _post(self, url: str, body: bytes) -> bytes:
        if self._session is None:
            self._session = aiohttp.ClientSession(
                timeout=aiohttp.ClientTimeout(total=self.timeout),
                headers={"Content-Type": "application/json"},
            )
        try:
            async with self._session.post(url, data=body) as response:
                if response.status != 200:
                    # Some endpoints send JSON-RPC errors with another status.
                    content = await response.read()
                    if content.startswith((b"{", b"[")) and response.status != 429:
                        return content
                    raise TransportError(f"HTTP status {response.status}")
                return await response.read()
        except TimeoutError:
            raise TransportError(f"no answer within {self.timeout:g} s") from None
        except (aiohttp.ClientError, OSError) as error:
            # The text of aiohttp's errors holds the URL.
            raise TransportError(f"connection failed ({type(error).__name__})") from None


def label(url: str) -> str:
    """Returns an endpoint's URL without user, path and query, which may hold a key."""
    parts = urlsplit(url)
    port = f":{parts.port}" if parts.port else ""
    return f"{parts.scheme}://{parts.hostname}{port}"


def http_url(url: str) -> str:
    """Returns the HTTP address of an endpoint that is given by its WebSocket address.

    Most nodes and providers serve both at the same place.
    """
    scheme, separator, rest = url.partition("://")
    return {"ws": "http", "wss": "https"}.get(scheme, scheme) + separator + rest


def _body(requests: Sequence[Request]) -> bytes:
    objects = [
        {"jsonrpc": "2.0", "id": index, "method": request.method, "params": request.params}
        for index, request in enumerate(requests)
    ]
    return json.dumps(objects if len(objects) > 1 else objects[0]).encode()


def _results(content: bytes, count: int) -> list[Any]:
    """Puts the responses into the order of the requests."""
    try:
        document = json.loads(content)
    except (ValueError, RecursionError):
        raise TransportError("the answer is not JSON") from None
    responses = document if isinstance(document, list) else [document]
    by_id: dict[Any, Any] = {}
    for response in responses:
        if not isinstance(response, dict) or isinstance(response.get("id"), dict | list):
            raise TransportError("the answer is not JSON-RPC")
        by_id[response.get("id")] = _result(response)
    if count > 1 and not isinstance(document, list):
        failure = next(iter(by_id.values()))
        raise TransportError(f"a batch of {count} was refused: {failure}")
    if any(index not in by_id for index in range(count)):
        only = by_id.get(None)  # an endpoint that could not read the request has no id to echo
        if count == 1 and isinstance(only, RpcError):
            return [only]
        raise TransportError("the answer lacks responses")
    results = [by_id[index] for index in range(count)]
    for result in results:
        if isinstance(result, TransportError):
            raise result
    return results


def _result(response: dict[str, Any]) -> Any:
    if response.get("error") is not None:
        return from_error_object(response["error"])
    if "result" not in response:
        return TransportError("a response has neither result nor error")
    return response["result"]
