"""How a node's results are handed to callers: the text of a text job is a string at once."""

from collections.abc import KeysView, Mapping
from typing import Any, cast

from infernet_client.types import ContainerResult, JobResult

_KEY = "output"


class TextOutput(str):
    """The text that a container answered as ``{"output": "<text>"}``.

    It is the text, and for code that expects the container's object it also answers like
    a dictionary with the single key ``output``. As JSON it is the text.
    """

    __slots__ = ()

    def __getitem__(self, key: Any) -> str:
        if key == _KEY:
            return str(self)
        if isinstance(key, str):
            raise KeyError(key)
        return super().__getitem__(key)

    def __contains__(self, item: object) -> bool:
        return item == _KEY or (isinstance(item, str) and super().__contains__(item))

    def get(self, key: str, default: Any = None) -> Any:
        """Returns the text for the key ``output``, and the default for any other."""
        return str(self) if key == _KEY else default

    def keys(self) -> KeysView[str]:
        return {_KEY: str(self)}.keys()


def shaped(result: JobResult) -> JobResult:
    """Returns a job's result with texts unwrapped and intermediate results under both names."""
    whole = cast(JobResult, dict(result))
    whole["result"] = _unwrapped(result.get("result"))
    steps = result.get("intermediate_results", result.get("intermediate"))
    if steps is not None:
        unwrapped = [cast(ContainerResult, _unwrapped(step)) for step in steps]
        whole["intermediate"] = whole["intermediate_results"] = unwrapped
    return whole


def _unwrapped(result: ContainerResult | None) -> ContainerResult | None:
    output: Any = result.get("output") if result is not None else None
    if isinstance(output, Mapping) and output.keys() == {_KEY} and isinstance(output[_KEY], str):
        return cast(ContainerResult, {**(result or {}), _KEY: TextOutput(output[_KEY])})
    return result
