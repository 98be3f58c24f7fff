"""What commands are given: files, keys, addresses and amounts."""

import math
import os
import sys
from pathlib import Path
from typing import Any

import click

from infernet_client.cli.amounts import Amount, parse_amount
from infernet_client.cli.failure import CommandFailed
from infernet_client.error import ParameterError
from infernet_protocol.lenient_json import LenientJsonError, loads

PASSWORD_VARIABLE = "KEYSTORE_PASSWORD"  # noqa: S105 - the variable's name


def read_json(source: str) -> Any:
    """Reads JSON, comments and trailing commas allowed, from a file or ``-``, standard input.

    Raises:
        CommandFailed: naming the source, the line and the column of a mistake.
    """
    name = "standard input" if source == "-" else source
    if source == "-" and sys.stdin.isatty():
        click.echo("Reading JSON from standard input; end it with Ctrl-D.", err=True)
    with click.open_file(source, "rb") as stream:
        content = stream.read()
    try:
        return loads(content.decode())
    except UnicodeDecodeError:
        raise CommandFailed(f"{name}: not UTF-8 text") from None
    except LenientJsonError as error:
        raise CommandFailed(f"{name}: {error}") from None


def read_object(source: str) -> dict[str, Any]:
    """Reads a JSON object as :func:`read_json` does.

    Raises:
        CommandFailed: also if it is JSON but no object.
    """
    value = read_json(source)
    if not isinstance(value, dict):
        name = "standard input" if source == "-" else source
        raise CommandFailed(f'{name}: a JSON object is expected, such as {{"text": "..."}}')
    return value


class AddressParameter(click.ParamType):
    """An address; kept as typed, for it is printed as typed."""

    name = "address"

    def convert(self, value: Any, param: click.Parameter | None, ctx: click.Context | None) -> str:
        from infernet_client.chain.checks import checked_address

        try:
            checked_address("address", value)
        except ParameterError as error:
            self.fail(error.problem, param, ctx)
        return str(value)


class AmountParameter(click.ParamType):
    """A number of wei or smallest units, or a number and a unit of ether."""

    name = "amount"

    def convert(
        self, value: Any, param: click.Parameter | None, ctx: click.Context | None
    ) -> Amount:
        try:
            return parse_amount(str(value))
        except ValueError as error:
            self.fail(str(error), param, ctx)


class SecondsParameter(click.FloatRange):
    """A number of seconds, ``inf`` for no end; ``nan`` would never be over."""

    def convert(
        self, value: Any, param: click.Parameter | None, ctx: click.Context | None
    ) -> float:
        seconds = float(super().convert(value, param, ctx))
        if math.isnan(seconds):
            self.fail(f"{value!r} is not a number of seconds", param, ctx)
        return seconds


class OutputFileParameter(click.Path):
    """A file to write to, or ``-``; found unwritable before anything is asked of a node."""

    def __init__(self) -> None:
        super().__init__(dir_okay=False, writable=True, allow_dash=True)

    def convert(
        self,
        value: str | os.PathLike[str],
        param: click.Parameter | None,
        ctx: click.Context | None,
    ) -> str:
        path = str(super().convert(value, param, ctx))
        folder = Path(path).parent
        if path != "-" and not (folder.is_dir() and os.access(folder, os.W_OK)):
            self.fail(f"the directory {str(folder)!r} does not exist or is not writable")
        return path


class KeyParameter(click.ParamType):
    """A private key: the key itself, or a file that holds it, plain or as a V3 keystore.

    No message shows any part of what was given: it may be a mistyped key.
    """

    name = "key"

    def convert(self, value: Any, param: click.Parameter | None, ctx: click.Context | None) -> str:
        from infernet_client.chain.checks import is_private_key

        if is_private_key(str(value)):
            return str(value).strip()
        try:
            content = Path(value).read_text().strip()
        except (OSError, ValueError):
            self.fail("neither 64 hex digits nor a readable file with them", param, ctx)
        if content.startswith("{"):
            return _decrypted(content)
        if not is_private_key(content):
            raise CommandFailed("the key file does not hold a private key: 64 hex digits")
        return content


def _decrypted(keystore: str) -> str:
    from eth_account import Account

    password = os.environ.get(PASSWORD_VARIABLE)
    if password is None:
        password = click.prompt("Password of the keystore", hide_input=True, err=True)
    try:
        return "0x" + bytes(Account.decrypt(keystore, password)).hex()
    except (ValueError, KeyError, TypeError):
        raise CommandFailed(
            f"the keystore does not open: wrong password ({PASSWORD_VARIABLE}) or damaged file"
        ) from None
