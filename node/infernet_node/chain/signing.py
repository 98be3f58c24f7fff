"""Signing with a key that stays in this process."""

from typing import Any, cast

from eth_account.signers.local import LocalAccount

from infernet_node.chain.fees import Fees
from infernet_node.chain.journal import Entry, Signed


class Signer:
    """Signs transactions of one account for one chain (EIP-155).

    Args:
        account: its key never leaves memory.
        chain_id: EIP-155 chain id.
    """

    def __init__(self, account: LocalAccount, chain_id: int) -> None:
        self.address: str = account.address
        self._account = account
        self._chain_id = chain_id

    def wanted(self, entry: Entry, nonce: int, fees: Fees) -> Signed:
        """Signs what a row of the journal asks for."""
        fields = {"to": entry.to, "data": entry.data, "value": entry.value, "gas": entry.gas}
        return self._sign(nonce, fees, fields, cancels=False)

    def nothing(self, nonce: int, fees: Fees, gas: int) -> Signed:
        """Signs a transfer of nothing to oneself, which uses the nonce up."""
        fields = {"to": self.address, "data": b"", "value": 0, "gas": gas}
        return self._sign(nonce, fees, fields, cancels=True)

    def _sign(self, nonce: int, fees: Fees, fields: dict[str, Any], *, cancels: bool) -> Signed:
        transaction = {**fields, **fees.fields, "nonce": nonce, "chainId": self._chain_id}
        made = self._account.sign_transaction(cast(Any, transaction))
        return Signed("0x" + made.hash.hex(), bytes(made.raw_transaction), fees, cancels)
