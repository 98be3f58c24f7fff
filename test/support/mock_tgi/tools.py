"""Tool calls in a chat: which tool is meant, and how its call is written."""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from test.support.mock_tgi.failures import TgiFailure
from test.support.mock_tgi.parameters import WrongShapeError


@dataclass(frozen=True, slots=True)
class Tool:
    """A function that a chat may call."""

    name: str
    schema: Mapping[str, Any]
    """JSON schema of its arguments."""

    def grammar(self) -> dict[str, Any]:
        """The grammar that holds the model to such arguments."""
        return {"type": "json", "value": {"properties": {}, **self.schema}}

    def whole_call(self, arguments: str) -> dict[str, Any]:
        """Returns the call as part of an answer in one piece."""
        function = {"description": None, "name": self.name, "arguments": arguments}
        return {"id": "0", "type": "function", "function": function}

    def partial_call(self, position: int, piece: str) -> dict[str, Any]:
        """Returns the part of the call that one token of a stream is; the first has the name."""
        function = {"name": None if position else self.name, "arguments": piece}
        return {"index": 0, "id": "", "type": "function", "function": function}


def chosen(body: Mapping[str, Any], question: str) -> Tool | None:
    """Returns the tool to call, or ``None`` to answer with text.

    Left the choice, this model calls the tool whose name it reads in the question.

    Raises:
        WrongShapeError: if a field is of a wrong type.
        TgiFailure: if there is no such tool, or a grammar as well.
    """
    tools = _tools(body.get("tools"))
    if not tools:
        return None
    if body.get("response_format") is not None:
        raise TgiFailure("tool_error", "Tool error: Grammar and tools are mutually exclusive")
    choice = body.get("tool_choice")
    match choice:
        case None | "auto":
            return next((tool for tool in tools if tool.name in question), None)
        case "none":
            return None
        case "required":
            return tools[0]
        case str(name) | {"type": "function", "function": {"name": str(name)}}:
            for tool in tools:
                if tool.name == name:
                    return tool
            raise TgiFailure("tool_error", f"Tool error: Tool with name {name} not found")
        case _:
            raise WrongShapeError("tool_choice: data did not match any variant of untagged enum")


def _tools(given: Any) -> list[Tool]:
    if given is None:
        return []
    if not isinstance(given, list):
        raise WrongShapeError("tools: invalid type, expected a sequence")
    return [_tool(position, entry) for position, entry in enumerate(given)]


def _tool(position: int, entry: Any) -> Tool:
    match entry:
        case {"type": "function", "function": {"name": str(name), **function}}:
            schema = function.get("parameters", function.get("arguments"))
            return Tool(name, schema if isinstance(schema, dict) else {})
        case _:
            raise WrongShapeError(f"tools[{position}]: missing field `function`")
