"""The arguments of a workflow: what each must be.

Every function here returns a checked value or raises ``ConfigurationError`` with a text that names
the argument and the expected shape but never shows the value.
"""

import re
from collections.abc import Mapping
from typing import Any
from urllib.parse import urlsplit

import httpx

from tgi_service.errors import ConfigurationError
from tgi_service.retries import RetryPolicy
from tgi_service.setting_types import read_count
from tgi_service.strict_json import is_number

DEFAULT_TIMEOUT = 30.0
DEFAULT_MAX_ANSWER_BYTES = 32 * 1024 * 1024
"""Above 128,000 tokens streamed one by one, an event of 250 bytes each."""
_LONGEST_TIMEOUT = 2_000_000
"""Seconds, 23 days: sockets count milliseconds, in 31 bits."""
PLACEHOLDER_HOST = "FILL_HOSTNAME_HERE"
_TOKEN = re.compile(r"[!#$%&'*+.^_`|~0-9A-Za-z-]+")  # RFC 9110, 5.6.2
_FIELD_VALUE = re.compile(r"[\x20-\x7e\t]*")
_COOKIE_VALUE = re.compile(r"[\x21\x23-\x2b\x2d-\x3a\x3c-\x5b\x5d-\x7e]*")  # RFC 6265, 4.1.1


def read_server_url(value: Any) -> str:
    """Checks the URL of the TGI server."""
    shape = "server_url must be http(s)://host[:port][/path], as text"
    if not isinstance(value, str) or re.search(r"\s", value):
        raise ConfigurationError(shape)
    try:
        url = urlsplit(value)
        port_is_valid = url.port != 0
        httpx.URL(value).raw_host.decode("ascii").encode("idna")  # what a resolver is asked for
    except (ValueError, httpx.InvalidURL) as error:
        raise ConfigurationError(f"{shape} ({error})") from None
    if url.scheme not in {"http", "https"} or not url.hostname or not port_is_valid:
        raise ConfigurationError(shape)
    if "@" in url.netloc:
        raise ConfigurationError(
            f"{shape}, without user name or password: use headers or TGI_INF_TOKEN"
        )
    if url.query or url.fragment:
        raise ConfigurationError(f"{shape}, without ? and #")
    if url.hostname == PLACEHOLDER_HOST.lower():
        raise ConfigurationError(
            f"server_url still has the placeholder {PLACEHOLDER_HOST}: fill in a host"
        )
    return value


def read_server_urls(value: Any) -> tuple[str, ...]:
    """Checks one URL, or a list of different ones."""
    if not isinstance(value, list | tuple):
        return (read_server_url(value),)
    urls = tuple(read_server_url(item) for item in value)
    if not urls or len(set(urls)) < len(urls):
        raise ConfigurationError("server_url, as a list, must name one or more different servers")
    return urls


def read_timeout(value: Any) -> float:
    """Checks the seconds to wait for a connection, and for each further sign of life."""
    if value is None:
        return DEFAULT_TIMEOUT
    if not is_number(value) or not 0 < value <= _LONGEST_TIMEOUT:
        raise ConfigurationError(
            f"timeout must be a number of seconds above 0, {_LONGEST_TIMEOUT} at most"
        )
    return float(value)


def read_max_answer_bytes(value: Any) -> int:
    """Checks the bytes that an answer of the server may have."""
    try:
        return read_count(value)
    except ConfigurationError as error:
        raise ConfigurationError(f"max_answer_bytes {error}") from None


def read_headers(value: Any) -> dict[str, str]:
    """Checks extra request headers."""
    return _read_texts(value, "headers", _FIELD_VALUE)


def read_cookies(value: Any) -> dict[str, str]:
    """Checks cookies to send."""
    return _read_texts(value, "cookies", _COOKIE_VALUE)


def read_token(value: str) -> str:
    """Checks a bearer token."""
    if not re.fullmatch(r"[\x21-\x7e]+", value):
        raise ConfigurationError("a token is printable ASCII without white space")
    return value


def merge_headers(*layers: Mapping[str, str]) -> dict[str, str]:
    """Lays headers over one another, the last on top, ignoring the case of their names."""
    merged: dict[str, tuple[str, str]] = {}
    for layer in layers:
        for name, value in layer.items():
            merged[name.lower()] = (name, value)
    return dict(merged.values())


def read_retry_params(value: Any) -> dict[str, Any]:
    """Checks ``retry_params``; returns the fields it sets, in the form of :class:`RetryPolicy`."""
    if value is None:
        return {}
    if not isinstance(value, Mapping):
        raise ConfigurationError(
            f"retry_params must be an object with any of {', '.join(RETRY_FIELDS)}"
        )
    params = {}
    for name, field in value.items():
        if name not in RETRY_FIELDS:
            raise ConfigurationError(
                f"retry_params has no {name}; it has {', '.join(RETRY_FIELDS)}"
            )
        if field is not None or name == "max_delay":
            params[name] = read_retry_field(name, field)
    return params


def read_retry_field(name: str, value: Any) -> Any:
    """Checks one field of ``retry_params`` that is not "use the default"."""
    return RETRY_FIELDS[name](name, value)


def retry_policy(params: Mapping[str, Any]) -> RetryPolicy:
    """Makes the policy out of checked fields, defaults for the others."""
    return RetryPolicy(**params)


def _read_tries(name: str, value: Any) -> int:
    if not isinstance(value, int) or isinstance(value, bool) or value == 0:
        raise ConfigurationError(f"{name} must be a positive integer, or -1 for no limit")
    return value


def _read_seconds(name: str, value: Any) -> float:
    if not is_number(value) or value < 0:
        raise ConfigurationError(f"{name} must be a number of seconds, 0 or more")
    return float(value)


def _read_optional_seconds(name: str, value: Any) -> float | None:
    if value is None:
        return None
    if not is_number(value) or value < 0:
        raise ConfigurationError(
            f"{name} must be a number of seconds, 0 or more, or null for no limit"
        )
    return float(value)


def _read_factor(name: str, value: Any) -> float:
    if not is_number(value) or value <= 0:
        raise ConfigurationError(f"{name} must be a number above 0; it is a factor")
    return float(value)


def _read_jitter(name: str, value: Any) -> tuple[float, float]:
    pair = [value, value] if is_number(value) else value
    two_numbers = isinstance(pair, list | tuple) and len(pair) == 2 and all(map(is_number, pair))
    if not two_numbers or pair[0] > pair[1]:
        raise ConfigurationError(
            f"{name} must be a number of seconds, or [min, max] with min <= max"
        )
    return float(pair[0]), float(pair[1])


RETRY_FIELDS = {
    "tries": _read_tries,
    "delay": _read_seconds,
    "max_delay": _read_optional_seconds,
    "backoff": _read_factor,
    "jitter": _read_jitter,
}


def _read_texts(value: Any, argument: str, allowed: re.Pattern[str]) -> dict[str, str]:
    if value is None:
        return {}
    if not isinstance(value, Mapping):
        raise ConfigurationError(f"{argument} must be an object of strings")
    for name, text in value.items():
        if not _TOKEN.fullmatch(name):
            raise ConfigurationError(f"{argument}: {name!r} is no valid name")
        if not isinstance(text, str) or not allowed.fullmatch(text):
            raise ConfigurationError(
                f"{argument}: the value of {name!r} must be printable ASCII text"
            )
    return dict(value)
