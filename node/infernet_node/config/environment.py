"""Values that come from environment variables, or from files that those name."""

import re
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from infernet_node.problems import Problem

VARIABLES = {
    "INFERNET_PRIVATE_KEY": ("chain", "wallet", "private_key"),
    "INFERNET_RPC_URL": ("chain", "rpc_url"),
    "INFERNET_STORE_URL": ("store", "url"),
    "INFERNET_BROKER_URL": ("fleet", "broker"),
    "INFERNET_STATUS_TOKEN": ("server", "status_token"),
    "INFERNET_API_KEYS": ("server", "api_keys"),
    "INFERNET_DOCKER_PASSWORD": ("docker", "password"),
}
"""Variables that win over the file. With ``_FILE`` appended they name a file with the value."""

BEARER_PREFIX = "INFERNET_BEARER_"
"""With the id of a container behind it: the token sent to that container."""


def apply_environment(
    document: dict[str, Any], environ: Mapping[str, str], problems: list[Problem]
) -> None:
    """Writes what the environment says into a parsed document.

    Args:
        problems: gets one for each file that cannot be read.
    """
    for variable, path in VARIABLES.items():
        if value := _value(variable, environ, problems):
            _set(document, path, value)
    containers = document.get("containers")
    for container in containers if isinstance(containers, list) else ():
        if not isinstance(container, dict):
            continue
        if value := _value(_bearer_variable(container.get("id")), environ, problems):
            container["bearer"] = value


def _bearer_variable(container_id: Any) -> str:
    return BEARER_PREFIX + re.sub(r"[^A-Z0-9]", "_", str(container_id).upper())


def _value(variable: str, environ: Mapping[str, str], problems: list[Problem]) -> str | None:
    value = environ.get(variable)
    file = environ.get(f"{variable}_FILE")
    if value or not file:
        return value
    try:
        return Path(file).read_text(encoding="utf-8").strip()
    except (OSError, UnicodeDecodeError):
        problems.append(Problem(f"{variable}_FILE", "the file it names cannot be read"))
        return None


def _set(document: dict[str, Any], path: tuple[str, ...], value: str) -> None:
    *parents, key = path
    for parent in parents:
        if document.get(parent) is None:
            document[parent] = {}
        document = document[parent]
        if not isinstance(document, dict):
            return  # The type of that section is wrong, which validation reports.
    document[key] = value
