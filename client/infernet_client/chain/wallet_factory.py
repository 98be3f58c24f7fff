"""The only maker of wallets that the coordinator accepts."""

from web3.logs import DISCARD

from infernet_client.chain.abis import WALLET_FACTORY_ABI
from infernet_client.chain.rpc import RPC
from infernet_client.chain.transactions import read, transact
from infernet_client.chain.wallet import InfernetWallet
from infernet_client.error import WalletNotCreatedError


class WalletFactory:
    """The WalletFactory of a deployment."""

    def __init__(self, address: str, rpc: RPC) -> None:
        """Names the contract; nothing is sent.

        Raises:
            ParameterError: if it is no address.
        """
        self._rpc = rpc
        self._address = rpc.get_checksum_address(address)
        self._contract = rpc.get_contract(address, WALLET_FACTORY_ABI)

    async def create_wallet(self, owner: str) -> InfernetWallet:
        """Makes a wallet for an owner; the connection's account pays the gas.

        The address is the one that the transaction's own event names.

        Raises:
            TransactionFailedError: if the transaction fails.
            WalletNotCreatedError: if it made no wallet: the contract is no factory.
        """
        call = self._contract.functions.createWallet(self._rpc.get_checksum_address(owner))
        receipt = await transact(self._rpc, "createWallet", call)
        for event in self._contract.events.WalletCreated().process_receipt(receipt, DISCARD):
            if event["address"] == self._address:
                return InfernetWallet(event["args"]["wallet"], self._rpc)
        raise WalletNotCreatedError(self._address, receipt["transactionHash"].to_0x_hex())

    async def is_valid_wallet(self, wallet: str) -> bool:
        """Tells whether this factory made a wallet; only then may it pay or be paid."""
        address = self._rpc.get_checksum_address(wallet)
        return bool(await read(self._contract.functions.isValidWallet(address)))
