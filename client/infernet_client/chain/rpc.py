"""A connection to an Ethereum endpoint, with or without an account that signs."""

import asyncio
import re
from collections.abc import Awaitable, Sequence
from types import TracebackType
from typing import Any, Self, TypeVar

from eth_account.signers.local import LocalAccount
from eth_typing import ChecksumAddress
from hexbytes import HexBytes
from web3 import AsyncWeb3
from web3.contract import AsyncContract
from web3.exceptions import TransactionIndexingInProgress, TransactionNotFound, Web3RPCError
from web3.types import Nonce, RPCEndpoint, TxParams, TxReceipt, Wei

from infernet_client.chain.checks import account_from_key, checked_address
from infernet_client.chain.provider import HttpRpcProvider
from infernet_client.chain.signer import LocalSigner
from infernet_client.error import RpcError

RECEIPT_TIMEOUT = 120.0
"""Seconds that :meth:`RPC.get_tx_receipt` waits for a transaction to be mined."""
_FIRST_PAUSE, _LONGEST_PAUSE = 0.1, 2.0
"""Seconds between two looks for a receipt, which double."""
_QUANTITY = re.compile(r"0x[0-9a-fA-F]+")

T = TypeVar("T")


async def answered(call: Awaitable[T]) -> T:
    """Returns what an endpoint answers.

    Raises:
        RpcError: with the endpoint's words, if it answers with an error.
    """
    try:
        return await call
    except Web3RPCError as error:
        raise RpcError(endpoint_reason(error)) from error


def endpoint_reason(error: Web3RPCError) -> str:
    """Returns the endpoint's own words for an error."""
    answer = (error.rpc_response or {}).get("error")
    if isinstance(answer, dict) and answer.get("message"):
        return str(answer["message"])
    return str(error.message)


class RPC:
    """HTTP(S) JSON-RPC. As ``async with`` its calls share a pool of connections.

    Every call may raise :class:`~infernet_client.error.RpcError` or ``TimeoutError``.
    """

    def __init__(self, rpc_url: str) -> None:
        """Prepares calls; nothing is sent.

        Args:
            rpc_url: e.g. ``http://127.0.0.1:8545``.

        Raises:
            ValueError: if it is no HTTP URL.
        """
        self._provider = HttpRpcProvider(rpc_url)
        self.web3: AsyncWeb3[Any] = AsyncWeb3(self._provider)
        self._account: LocalAccount | None = None

    async def __aenter__(self) -> Self:
        await self._provider.connect()
        return self

    async def __aexit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        await self._provider.disconnect()

    async def initialize_with_private_key(self, private_key: str) -> Self:
        """Signs with this key from now on, and sends from its address by default.

        Raises:
            ParameterError: if it is no private key; the message does not show it.
        """
        account = account_from_key(private_key)
        onion = self.web3.middleware_onion
        if self._account is not None:
            onion.remove("signer")
        onion.inject(LocalSigner.for_account(account), name="signer", layer=0)  # type: ignore[arg-type]
        self.web3.eth.default_account = account.address
        self._account = account
        return self

    @property
    def account(self) -> LocalAccount:
        """The account that signs.

        Raises:
            ValueError: before :meth:`initialize_with_private_key`.
        """
        if self._account is None:
            raise ValueError("Account not initialized")
        return self._account

    def get_checksum_address(self, address: str) -> ChecksumAddress:
        """Returns an address in EIP-55 form.

        Raises:
            ParameterError: if it is no address.
        """
        return ChecksumAddress(checked_address("address", address))  # type: ignore[arg-type]

    def get_contract(
        self,
        address: str | None = None,
        abi: Sequence[Any] | None = None,
        bytecode: bytes | str | None = None,
    ) -> AsyncContract:
        """Returns a contract object, for calls if an address is given, else for deployment."""
        arguments = {"abi": abi, "bytecode": bytecode}
        given: dict[str, Any] = {k: v for k, v in arguments.items() if v is not None}
        if address is not None:
            given["address"] = self.get_checksum_address(address)
        contract: AsyncContract = self.web3.eth.contract(**given)
        return contract

    async def get_balance(self, address: str) -> Wei:
        """Returns the balance in wei."""
        return await answered(self.web3.eth.get_balance(self.get_checksum_address(address)))

    async def get_nonce(self, address: str) -> Nonce:
        """Returns how many transactions of the account are mined."""
        account = self.get_checksum_address(address)
        return await answered(self.web3.eth.get_transaction_count(account))

    async def get_chain_id(self) -> int:
        """Returns the chain's id, by one ``eth_chainId``."""
        return await answered(self.web3.eth.chain_id)

    async def get_block_timestamp(self) -> int:
        """Returns the timestamp of the latest block, UNIX seconds.

        Raises:
            RpcError: if the endpoint answers with an error or without a block.
        """
        # Past web3's middleware, which refuses the blocks of proof-of-authority chains.
        answer = await self._provider.make_request(
            RPCEndpoint("eth_getBlockByNumber"), ["latest", False]
        )
        match answer:
            case {"result": {"timestamp": str(timestamp)}} if _QUANTITY.fullmatch(timestamp):
                return int(timestamp, 16)
        raise RpcError(
            endpoint_reason(Web3RPCError("no latest block is known", rpc_response=answer))
        )

    async def get_tx_receipt(
        self, tx_hash: HexBytes | bytes | str, seconds: float = RECEIPT_TIMEOUT
    ) -> TxReceipt:
        """Waits until a transaction is mined and returns its receipt, whatever its status.

        An endpoint that does not answer is asked again: the transaction is sent already.

        Raises:
            TimeoutError: if it is not mined after that many seconds; it still may be.
        """
        wanted, pause, trouble = HexBytes(tx_hash), _FIRST_PAUSE, ""
        try:
            async with asyncio.timeout(seconds):
                while True:
                    try:
                        return await self.web3.eth.get_transaction_receipt(wanted)
                    except (TransactionNotFound, TransactionIndexingInProgress):
                        trouble = ""
                    except RpcError as error:
                        trouble = f" ({error})"
                    except Web3RPCError as error:
                        trouble = f" ({endpoint_reason(error)})"
                    await asyncio.sleep(pause)
                    pause = min(2 * pause, _LONGEST_PAUSE)
        except TimeoutError:
            raise TimeoutError(
                f"transaction {wanted.to_0x_hex()} is not mined after {seconds:g} s{trouble}; "
                "it may still be, so look for its receipt before sending another"
            ) from None

    async def send_transaction(self, tx: TxParams) -> HexBytes:
        """Sends a transaction and returns its hash.

        What is left out of sender, nonce, gas, fees and chain id is filled in.
        """
        return await self.web3.eth.send_transaction(tx)
