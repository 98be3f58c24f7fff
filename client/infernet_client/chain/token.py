"""ERC20 tokens, and the address that stands for ether."""

from web3.contract.async_contract import AsyncContractFunction
from web3.exceptions import BadFunctionCallOutput, ContractLogicError
from web3.types import TxReceipt

from infernet_client.chain.abis import ERC20_ABI
from infernet_client.chain.rpc import RPC, answered
from infernet_client.chain.transactions import read, transact
from infernet_client.error import TransactionFailedError
from infernet_protocol.subscription import ZERO_ADDRESS

__all__ = ["ZERO_ADDRESS", "Token"]


class Token:
    """An ERC20 contract."""

    def __init__(self, address: str, rpc: RPC) -> None:
        """Names the contract; nothing is sent.

        Raises:
            ParameterError: if it is no address.
        """
        self._rpc = rpc
        self._contract = rpc.get_contract(address, ERC20_ABI)

    async def balance_of(self, address: str) -> int:
        """Returns a balance in the token's smallest unit.

        Raises:
            RpcError: if there is no ERC20 contract at the token's address.
        """
        holder = self._rpc.get_checksum_address(address)
        return int(await read(self._contract.functions.balanceOf(holder)))

    async def transfer(self, to: str, amount: int) -> TxReceipt:
        """Sends tokens of the connection's account, in the smallest unit.

        Raises:
            TransactionFailedError: if the transfer fails; nothing has moved then.
        """
        receiver = self._rpc.get_checksum_address(to)
        call = self._contract.functions.transfer(receiver, amount)
        if not await self._accepts(call):
            raise TransactionFailedError("transfer", "the token answers false")
        return await transact(self._rpc, "transfer", call)

    async def _accepts(self, call: AsyncContractFunction) -> bool:
        """Tells whether the token would refuse a call by answering false, and not by a revert."""
        try:
            return bool(await answered(call.call({"from": self._rpc.account.address})))
        except (BadFunctionCallOutput, ContractLogicError):
            return True  # older tokens answer nothing; a revert is named when the call is sent
