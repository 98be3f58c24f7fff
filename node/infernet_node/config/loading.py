"""From a file and the environment to a :class:`Config`."""

import copy
import difflib
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from pydantic import BaseModel, ValidationError

from infernet_node.config.environment import apply_environment
from infernet_node.config.errors import ConfigError
from infernet_node.config.fleet import Role
from infernet_node.config.keystore import read_keystore
from infernet_node.config.models import Config
from infernet_node.config.section import section_in
from infernet_node.problems import Problem, problems_of
from infernet_protocol import lenient_json

PATH_VARIABLE = "INFERNET_CONFIG_PATH"
DEFAULT_PATH = "config.json"


@dataclass(frozen=True, slots=True)
class LoadedConfig:
    config: Config
    warnings: tuple[str, ...]
    """What the operator should know: unknown keys, old spellings. Free of secrets."""


def load_config(
    path: str | Path | None, environ: Mapping[str, str], role: Role | None = Role.RUN
) -> LoadedConfig:
    """Reads the configuration file.

    Args:
        path: the file; ``None`` takes ``INFERNET_CONFIG_PATH``, else ``config.json`` in the
            working directory.
        role: what the process will do; not every role needs all of it. ``None`` is for
            commands beside a process, whatever that one does: they have no use for the key.

    Raises:
        ConfigError: if the file cannot be read or its content cannot be used.
    """
    file = Path(path or environ.get(PATH_VARIABLE) or DEFAULT_PATH)
    try:
        document = _read(file)
    except ValueError as error:
        raise ConfigError([Problem("", str(error))], str(file)) from None
    return parse_config(document, environ, str(file), role)


def _read(file: Path) -> dict[str, Any]:
    try:
        document = lenient_json.loads(file.read_text(encoding="utf-8"))
    except FileNotFoundError:
        hint = f"name another one with --config or {PATH_VARIABLE}"
        raise ValueError(f"the file does not exist; {hint}") from None
    except OSError as error:
        raise ValueError(f"the file cannot be read: {error.strerror}") from None
    except UnicodeDecodeError:
        raise ValueError("the file is not UTF-8 text; save it as UTF-8") from None
    except lenient_json.LenientJsonError as error:
        raise ValueError(f"the file is not JSON: {error}") from None
    except RecursionError:
        raise ValueError("the file is nested too deeply") from None
    if not isinstance(document, dict):
        raise ValueError("the file must hold a JSON object {...}")  # noqa: TRY004
    return document


def parse_config(
    document: Mapping[str, Any],
    environ: Mapping[str, str],
    source: str = "configuration",
    role: Role | None = Role.RUN,
) -> LoadedConfig:
    """Checks a parsed document.

    Raises:
        ConfigError: naming everything that is wrong.
    """
    warnings: list[str] = []
    problems: list[Problem] = []
    current = copy.deepcopy(dict(document))
    _modernise(current, warnings)
    key_in_file = _private_key_in(current)
    apply_environment(current, environ, problems)
    if role is not None and role.sends:
        _open_keystore(current, problems)
    warnings += _unknown_keys(current, Config, "")
    try:
        config = Config.model_validate(current, context={"role": role})
        problems += unusable_for(role, config) if role else []
    except ValidationError as error:
        problems += problems_of(error)
    if problems:
        raise ConfigError(problems, source)
    if config.chain.enabled and key_in_file:
        warnings.append(
            "chain.wallet.private_key: is readable for everybody who sees the file; use "
            "chain.wallet.keystore or INFERNET_PRIVATE_KEY_FILE"
        )
    if config.forward_stats:
        warnings.append("forward_stats: this node sends no telemetry; the key has no effect")
    return LoadedConfig(config, tuple(warnings))


def _modernise(document: dict[str, Any], warnings: list[str]) -> None:
    """Rewrites the spellings of older releases in place."""
    if "log_path" in document:
        path = document.pop("log_path")
        document.setdefault("log", {"path": path})
    chain = document.get("chain", {})
    if not isinstance(chain, dict):
        return
    if "snapshot_sync" in document:
        chain.setdefault("snapshot_sync", document.pop("snapshot_sync"))
        document["chain"] = chain
        warnings.append("snapshot_sync: belongs under chain now; it was read from the top level")
    if "rpc_ws" in chain:
        url = chain.pop("rpc_ws")
        chain.setdefault("rpc_url", url)
        warnings.append("chain.rpc_ws: is called chain.rpc_url now; it was read as that")
    if "coordinator_address" in chain:
        del chain["coordinator_address"]
        warnings.append("chain.coordinator_address: is ignored; the registry supplies it")


def _wallet_in(document: Mapping[str, Any]) -> dict[str, Any]:
    chain = document.get("chain")
    wallet = chain.get("wallet") if isinstance(chain, dict) else None
    return wallet if isinstance(wallet, dict) else {}


def _private_key_in(document: Mapping[str, Any]) -> bool:
    return bool(_wallet_in(document).get("private_key"))


def _open_keystore(document: Mapping[str, Any], problems: list[Problem]) -> None:
    """Takes the key from the encrypted file, unless one is given in the open."""
    wallet = _wallet_in(document)
    keystore = wallet.get("keystore")
    if not isinstance(keystore, str) or not keystore or wallet.get("private_key"):
        return
    password_file = wallet.get("password_file")
    try:
        wallet["private_key"] = read_keystore(keystore, password_file and str(password_file))
    except ValueError as error:
        problems.append(Problem("chain.wallet.keystore", str(error)))


def _unknown_keys(value: Any, model: type[BaseModel], prefix: str) -> list[str]:
    if not isinstance(value, dict):
        return []
    warnings: list[str] = []
    for key, below in value.items():
        field = model.model_fields.get(key)
        if field is None:
            close = difflib.get_close_matches(str(key), model.model_fields, n=1)
            hint = f'; did you mean "{close[0]}"?' if close else ""
            warnings.append(f"{prefix}{key}: is not a known key and is ignored{hint}")
        elif section := section_in(field.annotation):
            items = below if isinstance(below, list) else [below]
            for index, item in enumerate(items):
                at = f"{prefix}{key}[{index}]." if isinstance(below, list) else f"{prefix}{key}."
                warnings += _unknown_keys(item, section, at)
    return warnings


def unusable_for(role: Role, config: Config) -> list[Problem]:
    """Returns why a valid configuration cannot be that of a process with this role."""
    problems: list[Problem] = []
    if role is not Role.RUN and not config.store_is_shared:
        problems.append(
            Problem(
                "store.url",
                f"infernet-node {role} shares its rows with other processes, and SQLite is for "
                "one; set it to postgresql+asyncpg://user:password@host/database, or use "
                "infernet-node run",
            )
        )
    if role is Role.CHAIN and not config.chain.enabled:
        problems.append(
            Problem("chain.enabled", "must be true for infernet-node chain; else it has no work")
        )
    return problems
