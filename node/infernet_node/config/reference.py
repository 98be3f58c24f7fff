"""The page about every key of the configuration, made from the models themselves."""

import json
from collections.abc import Iterator
from types import NoneType
from typing import Any, Literal, get_args, get_origin

from pydantic import BaseModel, SecretStr
from pydantic.fields import FieldInfo

from infernet_node.config.environment import BEARER_PREFIX, VARIABLES
from infernet_node.config.models import Config
from infernet_node.config.section import section_in

_TYPES: dict[Any, str] = {
    bool: "true or false",
    int: "whole number",
    float: "number",
    str: "text",
    SecretStr: "text, secret",
}
_HEAD = """# Configuration

`infernet-node` reads one JSON object: the file that `--config` names, else `INFERNET_CONFIG_PATH`,
else `config.json`. Everything has a default but an `id` for each container. Numbers and truth
values may be text (`"3000"`, `"yes"`). `infernet-node check-config` reports all that is wrong at
once and warns of keys that it does not know. Keys marked "Ours" are unknown to Infernet nodes of
version 1.4.

This page is made by `infernet-node config-reference`.
"""


def reference() -> str:
    """Returns the page as Markdown."""
    parts = [_HEAD, *_sections(Config, ""), _environment()]
    return "\n".join(parts)


def _sections(model: type[BaseModel], path: str) -> Iterator[str]:
    rows: list[str] = []
    below: list[tuple[type[BaseModel], str]] = []
    for key, field in model.model_fields.items():
        section = section_in(field.annotation)
        if section:
            many = get_origin(field.annotation) is tuple
            below.append((section, f"{path}{key}[]." if many else f"{path}{key}."))
        if not section or field.description:
            rows.append(_row(f"{path}{key}", field, section))
    title = f"## `{path.removesuffix('.')}`" if path else "## At the top"
    yield f"{title}\n"
    if about := _about(model):
        yield f"{about}\n"
    if rows:
        yield "| Key | Type | Default | Meaning |\n| --- | --- | --- | --- |\n" + "\n".join(rows)
        yield ""
    for model_below, at in below:
        yield from _sections(model_below, at)


def _row(path: str, field: FieldInfo, section: type[BaseModel] | None) -> str:
    kind = "section" if section else _type(field.annotation)
    meaning = " ".join((field.description or "").replace("``", "`").split())
    return f"| `{path}` | {kind} | {_default(field)} | {meaning} |"


def _about(model: type[BaseModel]) -> str:
    own = model.__doc__ if model.__doc__ != BaseModel.__doc__ else None
    return " ".join((own or "").replace("``", "`").split())


def _type(annotation: Any) -> str:
    if annotation in _TYPES:
        return _TYPES[annotation]
    origin, arguments = get_origin(annotation), get_args(annotation)
    if origin is Literal:
        return " or ".join(f"`{value}`" for value in arguments)
    if origin is tuple:
        return f"list of {_type(arguments[0])}"
    if origin is dict:
        return "object"
    named = [_type(a) for a in arguments if a is not NoneType and not _is_metadata(a)]
    kinds = list(dict.fromkeys(named))
    return (kinds[0] if len(kinds) == 1 else "text") + (" or null" if NoneType in arguments else "")


def _is_metadata(argument: Any) -> bool:
    return not isinstance(argument, type) and not get_args(argument)


def _default(field: FieldInfo) -> str:
    if field.is_required():
        return "required"
    value = field.get_default(call_default_factory=True)
    if isinstance(value, SecretStr):
        value = value.get_secret_value()
    if isinstance(value, BaseModel):
        return ""
    return f"`{json.dumps(value)}`"


def _environment() -> str:
    rows = [f"| `{name}` | `{'.'.join(path)}` |" for name, path in VARIABLES.items()]
    rows.append(f"| `{BEARER_PREFIX}<ID>` | `containers[].bearer` of the container with that id |")
    return (
        "## Environment\n\nThese win over the file. With `_FILE` appended they name a file that "
        "holds the value. In `<ID>`, letters\nare upper case and everything but letters and digits "
        "is `_`.\n\n| Variable | Key |\n| --- | --- |\n" + "\n".join(rows) + "\n"
    )
