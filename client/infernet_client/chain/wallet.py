"""The contract that holds what a consumer pays with."""

from eth_typing import ChecksumAddress
from web3.types import TxReceipt, Wei

from infernet_client.chain.abis import WALLET_ABI
from infernet_client.chain.checks import checked_uint
from infernet_client.chain.rpc import RPC
from infernet_client.chain.token import Token
from infernet_client.chain.transactions import read, transact
from infernet_client.error import AllowanceMismatchError


class InfernetWallet:
    """A wallet made by the WalletFactory. Its owner withdraws and grants allowances."""

    def __init__(self, address: str, rpc: RPC) -> None:
        """Names the contract; nothing is sent.

        Raises:
            ParameterError: if it is no address.
        """
        self._rpc = rpc
        self._address = rpc.get_checksum_address(address)
        self._contract = rpc.get_contract(address, WALLET_ABI)

    @property
    def address(self) -> ChecksumAddress:
        return self._address

    async def approve(self, spender: str, token: str, amount: int) -> TxReceipt:
        """Sets, and does not add to, what a spender may take of a token.

        Args:
            spender: consumer contract, or node address.
            token: ERC20 address, or ``ZERO_ADDRESS`` for ether.
            amount: wei, or the token's smallest unit.

        Raises:
            TransactionFailedError: e.g. ``Unauthorized`` for anyone but the owner.
            AllowanceMismatchError: if the allowance read afterwards is another.
        """
        spender_address = self._rpc.get_checksum_address(spender)
        token_address = self._rpc.get_checksum_address(token)
        checked_uint("amount", amount, 256)
        call = self._contract.functions.approve(spender_address, token_address, amount)
        receipt = await transact(self._rpc, "approve", call)
        actual = await self.allowance(spender, token)
        if actual != amount:
            raise AllowanceMismatchError(spender_address, amount, actual)
        return receipt

    async def allowance(self, spender: str, token: str) -> int:
        """Returns what a spender may still take, in wei or the token's smallest unit."""
        spender_address = self._rpc.get_checksum_address(spender)
        token_address = self._rpc.get_checksum_address(token)
        call = self._contract.functions.allowance(spender_address, token_address)
        return int(await read(call))

    async def withdraw(self, token: str, amount: int) -> TxReceipt:
        """Sends unlocked funds to the owner, in wei or the token's smallest unit.

        Raises:
            TransactionFailedError: e.g. ``InsufficientFunds`` or ``Unauthorized``.
        """
        token_address = self._rpc.get_checksum_address(token)
        checked_uint("amount", amount, 256)
        call = self._contract.functions.withdraw(token_address, amount)
        return await transact(self._rpc, "withdraw", call)

    async def owner(self) -> ChecksumAddress:
        """Returns who may withdraw and approve."""
        return self._rpc.get_checksum_address(await read(self._contract.functions.owner()))

    async def get_balance(self) -> Wei:
        """Returns the wallet's ether in wei, locked amounts included."""
        return await self._rpc.get_balance(self._address)

    async def get_token_balance(self, token: str) -> int:
        """Returns the wallet's tokens in their smallest unit, locked amounts included."""
        return await Token(token, self._rpc).balance_of(self._address)
