"""Failures as users see them: one line that says what is wrong and what to do."""

import aiohttp
import click

from infernet_client.error import APIError, InfernetError
from infernet_client.transport import connect_failure


class CommandFailed(click.ClickException):
    """Ends a command with exit code 1 and one line on standard error."""

    exit_code = 1

    def __init__(self, message: str) -> None:
        super().__init__(" ".join(message.split()))


def explanation(error: Exception) -> str:
    """Returns what to tell a user about an error of the library."""
    if isinstance(error, APIError):
        return _refusal(error)
    if isinstance(error, aiohttp.ClientConnectorError):
        return (
            f"cannot reach {error.host}:{error.port} ({connect_failure(error)}); "
            "is it running, and is the address right?"
        )
    if isinstance(error, aiohttp.ClientPayloadError):
        return "the transfer broke off before the answer was complete"
    if isinstance(error, aiohttp.ClientConnectionError):
        return f"the connection was lost ({error or type(error).__name__}); try again"
    if isinstance(error, InfernetError | TimeoutError | ValueError):
        return str(error)
    return f"{type(error).__name__}: {error}"


def _refusal(error: APIError) -> str:
    # A whole subscription among the params would bury the reason.
    brief = {k: v for k, v in error.params.items() if not isinstance(v, dict | list)}
    text = str(APIError(error.status_code, error.message, brief))
    if error.status_code == 429:
        pause = f" in {error.retry_after:g} s" if error.retry_after else " later"
        return f"{text}; too many requests, try again{pause}"
    return text
