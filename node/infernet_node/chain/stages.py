"""The words for what becomes of a request: the same in rows, logs, metrics, REST and ``why``."""

from enum import StrEnum


class Stage(StrEnum):
    """Where an interval is on its way to an answer."""

    DUE = "due"
    INPUTS = "inputs"
    """The consumer's inputs are recorded."""
    COMPUTED = "computed"
    """The containers' output is recorded."""
    SUBMITTED = "submitted"
    """The transaction is recorded."""
    ANSWERED = "answered"
    ANSWERED_BY_ANOTHER = "answered by another"
    FAILED = "failed"
    EXPIRED = "expired"
    IGNORED = "ignored"

    @property
    def open(self) -> bool:
        """Whether an interval in this stage still needs work."""
        return self in OPEN


OPEN = (Stage.DUE, Stage.INPUTS, Stage.COMPUTED, Stage.SUBMITTED)
ENDS = tuple(stage for stage in Stage if not stage.open)
"""The named states that every request ends in."""
