"""What a process has used, from Linux's ``/proc``."""

import os
from dataclasses import dataclass
from pathlib import Path

_TICKS = os.sysconf("SC_CLK_TCK")
_PAGE = os.sysconf("SC_PAGE_SIZE")
_MIB = 2**20


@dataclass(frozen=True, slots=True)
class Usage:
    """A process's use of the machine at one moment."""

    seconds: float
    """Processor time since it started."""
    mebibytes: float
    """Resident memory."""

    @classmethod
    def of(cls, pid: int) -> "Usage":
        # Its name, in parentheses, may hold blanks.
        fields = Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()
        user, system, pages = int(fields[11]), int(fields[12]), int(fields[21])
        return cls((user + system) / _TICKS, pages * _PAGE / _MIB)
