"""A measured value, and how it is printed: one JSON line each."""

import json
import os
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field


@dataclass(frozen=True, slots=True)
class Figure:
    """One measured value beside the one that was aimed at, if any."""

    name: str
    value: float
    unit: str
    goal: float | None = None
    at_least: bool = False
    """Whether more is better."""
    detail: Mapping[str, float] = field(default_factory=dict)
    """What else was seen meanwhile."""

    @property
    def met(self) -> bool | None:
        if self.goal is None:
            return None
        return self.value >= self.goal if self.at_least else self.value <= self.goal

    def to_json(self, benchmark: str) -> str:
        """Returns the line, with the load of the machine at this moment."""
        return json.dumps(
            {
                "benchmark": benchmark,
                "figure": self.name,
                "value": round(self.value, 2),
                "unit": self.unit,
                "goal": self.goal,
                "met": self.met,
                "load": round(os.getloadavg()[0], 1),
                **{name: round(value, 3) for name, value in self.detail.items()},
            }
        )


def quantile(values: Sequence[float], share: float) -> float:
    """Returns the value that ``share`` of all values do not exceed."""
    ordered = sorted(values)
    return ordered[min(len(ordered) - 1, int(share * len(ordered)))]
