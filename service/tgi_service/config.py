"""The service's settings: what the environment says, checked once at start.

Every error names the variable, its value (without tokens, header values and cookies) and the
shape it must have.
"""

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from functools import partial
from typing import Any, TypeVar

from tgi_service import workflow_args as args
from tgi_service.backends import KINDS, TGI
from tgi_service.environment import PREFIX, parse, read_tree, text_of
from tgi_service.errors import ConfigurationError
from tgi_service.masking import shown
from tgi_service.parameters import DEFAULTS, read_parameters
from tgi_service.setting_types import (
    read_choice,
    read_count,
    read_flag,
    read_seconds_or_none,
    read_text,
)

Value = TypeVar("Value")

POSITIONAL_VARIABLE = f"{PREFIX}WORKFLOW_POSITIONAL_ARGS"
KEYWORD_VARIABLE = f"{PREFIX}WORKFLOW_KW_ARGS"
TOKEN_VARIABLE = f"{PREFIX}TOKEN"
RETRY_PREFIX = "TGI_REQUEST_"
DEFAULT_POSITIONAL_ARGS: list[Any] = [f"http://{args.PLACEHOLDER_HOST}", 30]
_ARGUMENTS = ("server_url", "timeout", "headers", "cookies", "retry_params")
_OF_THE_ORIGINAL = frozenset({"BODY_TIMEOUT", "RESPONSE_TIMEOUT"})
"""Keys that configured the web framework of earlier releases, and mean nothing here."""


@dataclass(frozen=True, slots=True)
class WorkflowArguments:
    """Arguments of :class:`TGIClientInferenceWorkflow`, all checked."""

    server_urls: tuple[str, ...]
    timeout: float
    headers: dict[str, str]
    cookies: dict[str, str]
    retry_params: dict[str, Any]
    parameters: dict[str, Any]


@dataclass(frozen=True, slots=True)
class Settings:
    """Everything that an operator can choose.

    Attributes:
        workflow: what the workflow is made with.
        max_content_length: greatest request body, bytes.
        max_answer_bytes: greatest answer of the server, streamed or not, as it is sent.
        max_input_chars: greatest prompt, characters.
        max_new_tokens_limit: greatest ``max_new_tokens`` a request may ask for.
        max_onchain_output_bytes: greatest ABI-encoded answer to an on-chain destination.
        max_concurrency: jobs at the same time, all workers together.
        job_deadline: seconds a job may take that is not streamed.
        system_prompt: put before chats that have no system message.
        allow_image_urls: whether prompts may hold ``![](…)``, which TGI fetches.
        log_prompts: whether prompts may appear in logs.
        advertise_model: whether ``/service-resources`` names the model TGI serves.
        workflow_class: ``package.module:Class`` of a workflow to use instead of the service's.
        backend: which API the server speaks.
        model: name of the model for servers that want one.
        warnings: what the operator should know, one line each.
    """

    workflow: WorkflowArguments
    max_content_length: int = 16 * 1024 * 1024
    max_answer_bytes: int = args.DEFAULT_MAX_ANSWER_BYTES
    max_input_chars: int | None = None
    max_new_tokens_limit: int | None = None
    max_onchain_output_bytes: int | None = None
    max_concurrency: int | None = None
    job_deadline: float | None = 170.0
    system_prompt: str | None = None
    allow_image_urls: bool = True
    log_prompts: bool = False
    advertise_model: bool = False
    workflow_class: str | None = None
    backend: str = TGI
    model: str | None = None
    warnings: tuple[str, ...] = field(default=())


_PLAIN_SETTINGS: Mapping[str, Callable[[Any], Any]] = {
    "MAX_CONTENT_LENGTH": read_count,
    "MAX_ANSWER_BYTES": read_count,
    "MAX_INPUT_CHARS": read_count,
    "MAX_NEW_TOKENS_LIMIT": read_count,
    "MAX_ONCHAIN_OUTPUT_BYTES": read_count,
    "MAX_CONCURRENCY": read_count,
    "JOB_DEADLINE": read_seconds_or_none,
    "SYSTEM_PROMPT": read_text,
    "ALLOW_IMAGE_URLS": read_flag,
    "LOG_PROMPTS": read_flag,
    "ADVERTISE_MODEL": read_flag,
    "WORKFLOW_CLASS": read_text,
    "BACKEND": read_choice(KINDS),
    "MODEL": read_text,
}
_TEXTS = frozenset(key for key, reader in _PLAIN_SETTINGS.items() if reader is read_text)


def load(environment: Mapping[str, str]) -> Settings:
    """Reads the settings from environment variables; an empty one counts as unset.

    Raises:
        ConfigurationError: for the first variable that is wrong.
    """
    given = {name: text for name, text in environment.items() if text.strip()}
    tree = read_tree(given, _TEXTS)
    warnings: list[str] = []
    workflow = _workflow(tree, given, warnings)
    warnings.extend(
        f"{name} is no setting of this service and has no effect" for name in _unknown(tree, given)
    )
    if "MODEL" in tree and tree.get("BACKEND", TGI) == TGI:
        warnings.append(f"{PREFIX}MODEL has no effect: TGI serves one model, whatever its name")
    return Settings(
        workflow=workflow,
        warnings=tuple(warnings),
        **{
            key.lower(): _checked(f"{PREFIX}{key}", tree[key], reader)
            for key, reader in _PLAIN_SETTINGS.items()
            if key in tree
        },
    )


def _unknown(tree: Mapping[str, Any], environment: Mapping[str, str]) -> list[str]:
    """Returns the names of variables that look like settings and are none."""
    known = {"WORKFLOW_POSITIONAL_ARGS", "WORKFLOW_KW_ARGS", "TOKEN", *_PLAIN_SETTINGS}
    named = {f"{PREFIX}{key}" for key in tree.keys() - known - _OF_THE_ORIGINAL}
    retrying = {f"{RETRY_PREFIX}{name.upper()}" for name in args.RETRY_FIELDS}
    named |= {name for name in environment if name.startswith(RETRY_PREFIX)} - retrying
    return sorted(named)


def _workflow(
    tree: Mapping[str, Any], environment: Mapping[str, str], warnings: list[str]
) -> WorkflowArguments:
    keywords = tree.get("WORKFLOW_KW_ARGS", {})
    if not isinstance(keywords, dict):
        raise _refusal(KEYWORD_VARIABLE, keywords, "must be a JSON object")
    positional = _positional(tree, "server_url" in keywords)

    def both(name: str, reader: Callable[[Any], Value]) -> tuple[Value, Value]:
        """Reads an argument in its positional and in its keyword form."""
        by_position, by_keyword = positional.get(name), keywords.get(name)
        return (
            _checked(POSITIONAL_VARIABLE, by_position, reader, positional_list),
            _checked(KEYWORD_VARIABLE, by_keyword, reader, keywords),
        )

    positional_list = list(positional.values())
    url_variable, url_source = (
        (POSITIONAL_VARIABLE, positional_list)
        if "server_url" in positional
        else (KEYWORD_VARIABLE, keywords)
    )
    url = positional.get("server_url", keywords.get("server_url"))
    timeout_of_position, timeout_of_keyword = both("timeout", args.read_timeout)
    retry_by_position, retry_by_keyword = both("retry_params", args.read_retry_params)
    parameters = {name: value for name, value in keywords.items() if name not in _ARGUMENTS}
    workflow = WorkflowArguments(
        server_urls=_checked(url_variable, url, args.read_server_urls, url_source),
        timeout=timeout_of_keyword if keywords.get("timeout") is not None else timeout_of_position,
        headers=args.merge_headers(
            *both("headers", args.read_headers), _authorization(environment)
        ),
        cookies=_merged(*both("cookies", args.read_cookies)),
        retry_params=_retry_params(
            {**retry_by_position, **retry_by_keyword}, environment, warnings
        ),
        parameters=_checked(KEYWORD_VARIABLE, parameters, read_parameters, keywords),
    )
    if workflow.parameters.get("max_new_tokens") is None:
        warnings.append(
            f"max_new_tokens is not set in {KEYWORD_VARIABLE}: "
            f"answers end after {DEFAULTS['max_new_tokens']} tokens"
        )
    return workflow


def _positional(tree: Mapping[str, Any], url_is_keyword: bool) -> dict[str, Any]:
    if "WORKFLOW_POSITIONAL_ARGS" not in tree:
        default = [] if url_is_keyword else DEFAULT_POSITIONAL_ARGS
        return dict(zip(_ARGUMENTS, default, strict=False))
    given = tree["WORKFLOW_POSITIONAL_ARGS"]
    if not isinstance(given, list) or not 1 <= len(given) <= len(_ARGUMENTS):
        raise _refusal(
            POSITIONAL_VARIABLE,
            given,
            f"must be a JSON list of 1 to 5 entries: [{', '.join(_ARGUMENTS)}]",
        )
    if url_is_keyword:
        raise ConfigurationError(
            f"server_url is given both in {POSITIONAL_VARIABLE} and in {KEYWORD_VARIABLE}: "
            "keep one of them"
        )
    return dict(zip(_ARGUMENTS, given, strict=False))


def _authorization(environment: Mapping[str, str]) -> dict[str, str]:
    text = environment.get(TOKEN_VARIABLE, "").strip()
    if not text:
        return {}
    try:
        return {"Authorization": f"Bearer {args.read_token(text_of(text))}"}
    except ValueError as error:
        raise ConfigurationError(f"{TOKEN_VARIABLE} is not valid: {error}") from None


def _retry_params(
    explicit: Mapping[str, Any], environment: Mapping[str, str], warnings: list[str]
) -> dict[str, Any]:
    """Puts each field together: explicit, else from its own variable, else the default."""
    params = dict(explicit)
    for name in args.RETRY_FIELDS:
        variable = f"{RETRY_PREFIX}{name.upper()}"
        if variable not in environment:
            continue
        value = parse(environment[variable])
        if value is None and name != "max_delay":
            continue
        from_variable = _checked(variable, value, partial(args.read_retry_field, name))
        if params.setdefault(name, from_variable) != from_variable:
            warnings.append(
                f"retry_params sets {name} to {params[name]}, which wins over {variable}"
            )
    return params


def _merged(by_position: dict[str, str], by_keyword: dict[str, str]) -> dict[str, str]:
    return {**by_position, **by_keyword}


def _checked(variable: str, value: Any, reader: Callable[[Any], Value], whole: Any = None) -> Value:
    """Reads a value, or refuses the variable it stands in."""
    try:
        return reader(value)
    except ValueError as error:
        raise _refusal(variable, value if whole is None else whole, str(error)) from None


def _refusal(variable: str, value: Any, reason: str) -> ConfigurationError:
    return ConfigurationError(f"{variable} is not valid: {reason}; it is {shown(value)}")
