"""ABIs of the contracts that a requester calls."""

from typing import Any

from infernet_protocol.abis import abi

ABI = list[dict[str, Any]]

WALLET_FACTORY_ABI: ABI = abi("WalletFactory")
WALLET_ABI: ABI = abi("Wallet")
COORDINATOR_ABI: ABI = abi("EIP712Coordinator")
ERC20_ABI: ABI = [
    {
        "type": "function",
        "name": "balanceOf",
        "inputs": [{"name": "account", "type": "address"}],
        "outputs": [{"name": "", "type": "uint256"}],
        "stateMutability": "view",
    },
    {
        "type": "function",
        "name": "transfer",
        "inputs": [{"name": "to", "type": "address"}, {"name": "amount", "type": "uint256"}],
        "outputs": [{"name": "", "type": "bool"}],
        "stateMutability": "nonpayable",
    },
]
