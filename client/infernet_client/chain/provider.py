"""A JSON-RPC connection that closes what it opens and repeats nothing by itself."""

from typing import Any, cast

import aiohttp
from web3.providers.async_base import AsyncJSONBaseProvider
from web3.types import RPCEndpoint, RPCResponse
from yarl import URL

from infernet_client.error import RpcError
from infernet_client.pool import Pool
from infernet_client.transport import connect_failure

TIMEOUT = 600.0
"""Seconds in all for one call."""


class HttpRpcProvider(AsyncJSONBaseProvider):
    """web3 provider over HTTP(S).

    web3's own keeps sessions for ever, and repeats calls; this one lets the caller decide
    about both, and keeps the path of the URL, which often holds a key, out of errors.
    """

    def __init__(self, url: str) -> None:
        """Prepares calls to a URL.

        Raises:
            ValueError: if it is no HTTP URL.
        """
        super().__init__()
        try:
            parsed = URL(url.strip())
        except ValueError:
            parsed = URL()
        if parsed.scheme not in ("http", "https") or not parsed.host:
            raise ValueError("rpc_url: not an HTTP address; write it like http://127.0.0.1:8545")
        self._url = parsed
        self.origin = str(parsed.origin())
        """Scheme, host and port: what may be shown."""
        self._pool = Pool(self._new_session)

    async def connect(self) -> None:
        """Opens a pool that all calls share until :meth:`disconnect`."""
        self._pool.open()

    async def disconnect(self) -> None:
        """Closes the pool; calls after that open a connection each."""
        await self._pool.close()

    async def make_request(self, method: RPCEndpoint, params: Any) -> RPCResponse:
        """Sends one call.

        Raises:
            RpcError: if the endpoint cannot be reached or answers no JSON-RPC.
            TimeoutError: after :data:`TIMEOUT` seconds.
        """
        body = self.encode_rpc_request(method, params)
        try:
            async with (
                self._pool.session() as session,
                session.post(
                    self._url, data=body, headers={"Content-Type": "application/json"}
                ) as answer,
            ):
                return self._parsed(answer.status, await answer.read())
        except aiohttp.ClientConnectorError as error:
            reason = connect_failure(error)
            raise RpcError(f"cannot reach the endpoint {self.origin} ({reason})") from None
        except aiohttp.ClientError as error:
            raise RpcError(f"{self.origin}: {method}: {type(error).__name__}") from None
        except TimeoutError:
            raise TimeoutError(f"{self.origin}: no answer to {method} in {TIMEOUT:g} s") from None

    def _parsed(self, status: int, body: bytes) -> RPCResponse:
        # Some endpoints say an error twice, by HTTP status and as JSON-RPC: the latter tells more.
        try:
            answer: Any = self.decode_rpc_response(body)
        except (ValueError, RecursionError):
            answer = None
        match answer:
            case {"jsonrpc": "2.0", "result": _} | {"jsonrpc": "2.0", "error": {}}:
                return cast(RPCResponse, answer)
        raise RpcError(f"{self.origin}: HTTP {status}, and no JSON-RPC answer")

    @staticmethod
    def _new_session() -> aiohttp.ClientSession:
        return aiohttp.ClientSession(timeout=aiohttp.ClientTimeout(total=TIMEOUT))
