"""Signing with a key that stays in this process.

eth-account does the same in five times the processor time, most of which goes into looking at
every field again; a node that delivers a hundred answers a second notices.
"""

from coincurve import PrivateKey
from eth_account.signers.local import LocalAccount
from eth_utils.crypto import keccak
from rlp.codec import encode_raw

from infernet_node.chain.fees import Fees
from infernet_node.chain.journal import Entry, Signed

_TYPE_2 = b"\x02"
"""EIP-2718 type of EIP-1559 transactions."""

Item = int | bytes | list[bytes]


class Signer:
    """Signs transactions of one account for one chain (EIP-155).

    Args:
        account: its key never leaves memory.
        chain_id: EIP-155 chain id.
    """

    def __init__(self, account: LocalAccount, chain_id: int) -> None:
        self.address: str = account.address
        self._key = PrivateKey(bytes(account.key))
        self._chain_id = chain_id

    def wanted(self, entry: Entry, nonce: int, fees: Fees) -> Signed:
        """Signs what a row of the journal asks for."""
        to = bytes.fromhex(entry.to[2:])
        return self._sign(nonce, fees, entry.gas, to, entry.value, entry.data, cancels=False)

    def nothing(self, nonce: int, fees: Fees, gas: int) -> Signed:
        """Signs a transfer of nothing to oneself, which uses the nonce up."""
        to = bytes.fromhex(self.address[2:])
        return self._sign(nonce, fees, gas, to, 0, b"", cancels=True)

    def _sign(
        self,
        nonce: int,
        fees: Fees,
        gas: int,
        to: bytes,
        value: int,
        data: bytes,
        *,
        cancels: bool,
    ) -> Signed:
        if fees.tip is None:
            raw = self._legacy([nonce, fees.max_fee, gas, to, value, data])
        else:
            raw = self._type_2([nonce, fees.tip, fees.max_fee, gas, to, value, data])
        return Signed("0x" + keccak(raw).hex(), raw, fees, cancels)

    def _type_2(self, fields: list[Item]) -> bytes:
        """Encodes as EIP-1559 has it, with an empty access list."""
        body: list[Item] = [self._chain_id, *fields, []]
        parity, r, s = self._signature(keccak(_TYPE_2 + _encoded(body)))
        return _TYPE_2 + _encoded([*body, parity, r, s])

    def _legacy(self, fields: list[Item]) -> bytes:
        """Encodes as EIP-155 has it: the chain id is in the signed bytes and in ``v``."""
        parity, r, s = self._signature(keccak(_encoded([*fields, self._chain_id, 0, 0])))
        return _encoded([*fields, self._chain_id * 2 + 35 + parity, r, s])

    def _signature(self, hashed: bytes) -> tuple[int, int, int]:
        """Returns parity, r and s; the nonce of the signature is that of RFC 6979."""
        made = self._key.sign_recoverable(hashed, hasher=None)
        return made[64], int.from_bytes(made[:32], "big"), int.from_bytes(made[32:64], "big")


def _encoded(items: list[Item]) -> bytes:
    fields = [_big_endian(item) if isinstance(item, int) else item for item in items]
    return bytes(encode_raw(fields))


def _big_endian(number: int) -> bytes:
    return number.to_bytes((number.bit_length() + 7) // 8, "big")
