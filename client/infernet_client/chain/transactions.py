"""Calls of contracts whose failure is an error with the contract's own name for it."""

from collections.abc import Awaitable
from typing import Any

from hexbytes import HexBytes
from web3.contract.async_contract import AsyncContractFunction
from web3.exceptions import BadFunctionCallOutput, ContractLogicError, Web3RPCError
from web3.types import TxReceipt

from infernet_client.chain.rpc import RPC, answered, endpoint_reason
from infernet_client.error import RpcError, TransactionFailedError
from infernet_protocol.contract_errors import error_name


async def transact(rpc: RPC, action: str, call: AsyncContractFunction) -> TxReceipt:
    """Sends a contract call from the connection's account and waits until it is mined.

    Raises:
        TransactionFailedError: if it would revert, is refused, or reverted when mined; or if no
            contract is there, whose silence the chain would take for success.
        ValueError: if the connection has no account.
        TimeoutError: if it is not mined in time.
    """
    sender = rpc.account.address
    if not await answered(rpc.web3.eth.get_code(call.address)):
        raise TransactionFailedError(
            action, f"there is no contract at {call.address} on this chain"
        )
    return await mined(rpc, action, call.transact({"from": sender}))


async def mined(rpc: RPC, action: str, sending: Awaitable[HexBytes]) -> TxReceipt:
    """Waits for a transaction that is being sent; raises as :func:`transact`."""
    try:
        tx_hash = await sending
    except ContractLogicError as error:
        raise TransactionFailedError(action, _revert_reason(error)) from error
    except Web3RPCError as error:
        raise TransactionFailedError(action, endpoint_reason(error)) from error
    receipt = await rpc.get_tx_receipt(tx_hash)
    if receipt["status"] != 1:
        raise TransactionFailedError(action, "reverted when it was mined", tx_hash.to_0x_hex())
    return receipt


async def read(call: AsyncContractFunction) -> Any:
    """Returns what a contract's view function answers.

    Raises:
        RpcError: if there is no such contract or function at the address, or no answer.
    """
    try:
        return await answered(call.call())
    except (BadFunctionCallOutput, ContractLogicError):
        raise RpcError(
            f"{call.address} does not answer {call.fn_name}(): wrong address or wrong chain"
        ) from None


def _revert_reason(error: ContractLogicError) -> str:
    data = error.data if isinstance(error.data, str) else ""
    try:
        name = error_name(bytes.fromhex(data.removeprefix("0x")))
    except ValueError:
        name = None
    return name or str(error.message or "reverted without a reason")
