"""The one error of this package."""

from collections.abc import Sequence

from infernet_node.problems import Problem


class ConfigError(Exception):
    """The configuration cannot be used; names everything to repair, and no secret."""

    code = "config_invalid"

    def __init__(self, problems: Sequence[Problem], source: str = "configuration") -> None:
        self.problems = tuple(problems)
        self.source = source
        super().__init__(str(self))

    def __str__(self) -> str:
        lines = "".join(f"\n  {problem}" for problem in self.problems)
        return f"{self.source} cannot be used:{lines}"
