"""Signs transactions here, so that an endpoint needs no unlocked account."""

import asyncio
from collections.abc import Callable
from typing import Any, cast

from eth_account.signers.local import LocalAccount
from web3 import AsyncWeb3
from web3.middleware import Web3Middleware
from web3.types import AsyncMakeRequestFn, RPCEndpoint, RPCResponse, TxParams

from infernet_client.error import RpcError

_SEND = RPCEndpoint("eth_sendTransaction")
_SEND_RAW = RPCEndpoint("eth_sendRawTransaction")


class LocalSigner(Web3Middleware):
    """Turns ``eth_sendTransaction`` of one account into a signed raw transaction.

    Transactions sent at the same time get different nonces: the next one is the greatest
    of what the endpoint counts, mined or pending, and of what was sent from here.
    """

    def __init__(self, w3: AsyncWeb3[Any], account: LocalAccount) -> None:
        super().__init__(w3)
        self._eth = w3.eth
        self._account = account
        self._lock = asyncio.Lock()
        self._next_nonce = 0

    @classmethod
    def for_account(cls, account: LocalAccount) -> Callable[[AsyncWeb3[Any]], "LocalSigner"]:
        """Returns what web3's middleware onion takes."""
        return lambda w3: cls(w3, account)

    async def async_wrap_make_request(self, make_request: AsyncMakeRequestFn) -> AsyncMakeRequestFn:
        async def send(method: RPCEndpoint, params: Any) -> RPCResponse:
            if method != _SEND or params[0].get("from") != self._account.address:
                return await make_request(method, params)
            async with self._lock:
                transaction = await self._filled(params[0])
                signed = self._account.sign_transaction(cast(dict[str, Any], transaction))
                try:
                    answer = await make_request(_SEND_RAW, [signed.raw_transaction.to_0x_hex()])
                except (RpcError, TimeoutError) as error:
                    raise type(error)(
                        f"{error}; transaction {signed.hash.to_0x_hex()} may have been sent all "
                        "the same, so look for its receipt before sending another"
                    ) from error
                if "error" not in answer:
                    self._next_nonce = int(str(transaction["nonce"]), 0) + 1
                return answer

        return send

    async def _filled(self, given: TxParams) -> TxParams:
        transaction = {"value": 0, "data": "0x"} | cast(dict[str, Any], given)
        transaction["chainId"] = await self._eth.chain_id
        if "nonce" not in transaction:
            transaction["nonce"] = await self._nonce()
        if not transaction.keys() & {"gasPrice", "maxFeePerGas"}:
            transaction |= await self._fees()
        return cast(TxParams, transaction)

    async def _nonce(self) -> int:
        address = self._account.address
        latest = await self._eth.get_transaction_count(address, "latest")
        pending = await self._eth.get_transaction_count(address, "pending")
        return max(latest, pending, self._next_nonce)

    async def _fees(self) -> dict[str, int]:
        base = (await self._eth.get_block("latest")).get("baseFeePerGas")
        if base is None:  # a chain from before EIP-1559
            return {"gasPrice": await self._eth.gas_price}
        tip = await self._eth.max_priority_fee
        return {"maxPriorityFeePerGas": tip, "maxFeePerGas": tip + 2 * base}
