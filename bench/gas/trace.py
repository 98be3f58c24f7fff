"""Where the gas of a transaction goes: by opcode, and by storage slot."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any, Self, TypeVar

from eth_utils.address import to_checksum_address
from rich.table import Table
from web3.types import TxReceipt

from bench.gas.world import World

CREATIONS = frozenset({"CREATE", "CREATE2"})
SLOT_OPCODES = frozenset({"SLOAD", "SSTORE", "TLOAD", "TSTORE"})
INTRINSIC = "transaction, calldata"
CODE_DEPOSIT = "code deposit"
REFUND = "refund"

Step = Mapping[str, Any]
"""One entry of ``structLogs`` in the answer to ``debug_traceTransaction``."""
Slot = tuple[str, str, str]
"""Contract, number of the slot in hex, opcode."""
Key = TypeVar("Key")


@dataclass(slots=True)
class Spent:
    """Gas that one opcode or slot took, and how often it was met."""

    gas: int = 0
    times: int = 0


@dataclass(slots=True)
class _Frame:
    """A call that is being walked through."""

    storage_of: str
    entry_gas: int
    call: Step | None
    """The step that opened it; none opened the transaction's own."""


@dataclass
class Trace:
    """Gas of one transaction, taken apart; the opcodes add up to the total."""

    total: int
    opcodes: dict[str, Spent] = field(default_factory=dict)
    slots: dict[Slot, Spent] = field(default_factory=dict)

    @classmethod
    def of(cls, world: World, receipt: TxReceipt) -> Self:
        """Traces a mined transaction."""
        tx_hash = receipt["transactionHash"]
        steps = world.anvil.rpc(
            "debug_traceTransaction", f"0x{tx_hash.hex()}", {"disableMemory": True}
        )["structLogs"]
        names = {str(contract.address): name for name, contract in world.contracts.items()}
        trace = cls(receipt["gasUsed"])
        trace._charge(INTRINSIC, world.web3.eth.get_transaction(tx_hash)["gas"] - steps[0]["gas"])
        created = receipt["contractAddress"]
        trace._walk(steps, str(created or receipt["to"]), names)
        rest = trace.total - sum(spent.gas for spent in trace.opcodes.values())
        if rest:
            trace._charge(CODE_DEPOSIT if created else REFUND, rest)
        return trace

    def _walk(self, steps: Sequence[Step], target: str, names: Mapping[str, str]) -> None:
        """Charges every step with what its frame lost by it, less what inner frames used."""
        frames = [_Frame(to_checksum_address(target), steps[0]["gas"], None)]
        for step, following in zip(steps, [*steps[1:], None], strict=True):
            frame = frames[-1]
            if following is None:
                self._charge(step["op"], step["gasCost"])
            elif following["depth"] > step["depth"]:
                frames.append(_Frame(_storage_of(step, frame), following["gas"], step))
            elif following["depth"] < step["depth"]:
                self._charge(step["op"], step["gasCost"])
                frames.pop()
                used = frame.entry_gas - (step["gas"] - step["gasCost"])
                assert frame.call is not None, "only the transaction's own frame has no call"
                self._charge(frame.call["op"], frame.call["gas"] - following["gas"] - used)
            else:
                cost = step["gas"] - following["gas"]
                self._charge(step["op"], cost)
                if step["op"] in SLOT_OPCODES:
                    owner = names.get(frame.storage_of, frame.storage_of)
                    _add(self.slots, (owner, step["stack"][-1], step["op"]), cost)

    def _charge(self, opcode: str, gas: int) -> None:
        _add(self.opcodes, opcode, gas)

    def opcode_table(self, title: str) -> Table:
        """Lays out the dearest opcodes; the others are one line."""
        table = _table(f"{title}: {self.total:,} gas by opcode", "opcode")
        ranked = sorted(self.opcodes.items(), key=lambda item: -abs(item[1].gas))
        for opcode, spent in ranked[:_SHOWN]:
            table.add_row(opcode, str(spent.times), f"{spent.gas:,}")
        others = [spent for _, spent in ranked[_SHOWN:]]
        table.add_row(
            "all others",
            str(sum(spent.times for spent in others)),
            f"{sum(spent.gas for spent in others):,}",
        )
        return table

    def slot_table(self) -> Table:
        """Lays out what each storage slot took, in the order of its first use."""
        table = _table("by storage slot", "contract", "slot", "opcode")
        for (owner, slot, opcode), spent in self.slots.items():
            table.add_row(owner, _short(slot), opcode, str(spent.times), f"{spent.gas:,}")
        return table


_SHOWN = 12
"""Opcodes that get a line of their own."""


def _add(spent: dict[Key, Spent], key: Key, gas: int) -> None:
    entry = spent.setdefault(key, Spent())
    entry.gas += gas
    entry.times += 1


def _storage_of(call: Step, frame: _Frame) -> str:
    """Whose storage the called code works on."""
    if call["op"] in CREATIONS:
        return "created contract"
    if call["op"] == "DELEGATECALL":
        return frame.storage_of
    return to_checksum_address(int(call["stack"][-2], 16).to_bytes(20, "big"))


def _short(slot: str) -> str:
    digits = slot.removeprefix("0x").lstrip("0") or "0"
    return digits if len(digits) <= 10 else f"{digits[:6]}…{digits[-4:]}"


def _table(title: str, *columns: str) -> Table:
    table = Table(title=title, box=None, title_justify="left")
    for column in columns:
        table.add_column(column)
    table.add_column("times", justify="right")
    table.add_column("gas", justify="right")
    return table
