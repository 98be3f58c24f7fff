"""The options that scripts share; a command gets what they amount to as ``chain``."""

import functools
from collections.abc import Callable
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path
from typing import Any, TypeVar

import click
from web3 import Web3
from web3.contract import Contract

from infernet_client.cli.inputs import SecondsParameter
from infernet_protocol import deployments
from infernet_protocol.abis import abi
from scripts.accounts import ANVIL_CHAIN_ID, choose_account
from scripts.chain import DEVELOPMENT_POLL, POLL, Sender, connect, contract_address
from scripts.contracts import AddressBook, freshly_deployed, from_registry, recorded
from scripts.errors import ScriptError
from scripts.networks import Connection, open_network
from scripts.terminal.values import ADDRESS

Command = TypeVar("Command", bound=Callable[..., None])
_FILE = click.Path(exists=True, dir_okay=False, path_type=Path)


@dataclass(frozen=True)
class Chain:
    """The chain that a command was told to use; connected to when first needed."""

    rpc_url: str
    network: str | None
    chain_id: int | None
    registry: str | None
    directory: Path
    """Folder of the deployment files."""
    keystore: Path | None = None
    password_file: Path | None = None

    @cached_property
    def connection(self) -> Connection:
        """Connects.

        Raises:
            ScriptError: if nothing answers, or it is not the chain that was asked for.
        """
        if self.network is None:
            return Connection(connect(self.rpc_url, self.chain_id))
        connection = open_network(self.network)
        actual = connection.web3.eth.chain_id
        if self.chain_id not in (None, actual):
            raise ScriptError(f"{self.network} is on chain {actual}, not {self.chain_id}")
        return connection

    @property
    def web3(self) -> Web3:
        return self.connection.web3

    @property
    def now(self) -> int:
        """Chain time of the latest block, UNIX seconds."""
        return self.web3.eth.get_block("latest")["timestamp"]

    @property
    def is_development(self) -> bool:
        """Whether it is a local chain that funds the well-known accounts."""
        return self.connection.private or self.web3.eth.chain_id == ANVIL_CHAIN_ID

    @property
    def poll_seconds(self) -> float:
        """Seconds between two looks at it."""
        return DEVELOPMENT_POLL if self.is_development else POLL

    def sender(self, anvil_index: int) -> Sender:
        """Returns the account that signs.

        Args:
            anvil_index: which well-known account to take on a local chain.

        Raises:
            ScriptError: if there is no key to sign with.
        """
        account = choose_account(
            keystore=self.keystore,
            password_file=self.password_file,
            anvil_index=anvil_index if self.is_development else None,
        )
        return Sender(self.web3, account)

    @cached_property
    def contracts(self) -> AddressBook:
        """Finds the contracts; deploys them on a chain that began empty with this command.

        Raises:
            ScriptError: if they are not known.
        """
        if self.registry:
            return from_registry(self.web3, self.registry)
        if self.connection.private:
            return freshly_deployed(self.web3)
        return recorded(self.web3, self.directory)

    def consumer(self, name: str, given: str | None) -> Contract:
        """Returns a consumer: the one at the given address, or the one that is recorded.

        Raises:
            ScriptError: if no contract is at the address, or none is recorded.
        """
        if given is None:
            return self.contracts.consumer(name)
        address = contract_address(self.web3, given, "--consumer")
        return self.web3.eth.contract(address, abi=abi(name))


_CHAIN = (
    click.option(
        "--rpc-url",
        envvar="RPC_URL",
        default="http://127.0.0.1:8545",
        show_envvar=True,
        help="JSON-RPC endpoint of the chain.",
    ),
    click.option(
        "--network",
        metavar="CHOICE",
        help="Network of ape instead of --rpc-url, e.g. ethereum:local:foundry; "
        "docs/ape.md tells more.",
    ),
    click.option(
        "--chain-id", type=int, help="Refuse to act when the endpoint is on another chain."
    ),
    click.option(
        "--registry",
        type=ADDRESS,
        metavar="ADDRESS",
        help="Registry of the contracts to use.",
        show_default="as recorded in --deployments",
    ),
    click.option(
        "--deployments",
        "directory",
        type=click.Path(file_okay=False, path_type=Path),
        default=deployments.DIRECTORY,
        help="Folder of the files that record where contracts are.",
    ),
)
_KEYS = (
    click.option(
        "--keystore",
        type=_FILE,
        help="V3 keystore file to sign with. Without it the key in PRIVATE_KEY is used, "
        "and on Anvil one of its own accounts.",
    ),
    click.option(
        "--password-file",
        type=_FILE,
        help="File holding the keystore's password; asked for when missing.",
    ),
)


def chain_options(command: Command) -> Command:
    """Adds the options that name a chain; passes ``chain``."""
    return _collected(command, _CHAIN)


def signing_options(command: Command) -> Command:
    """Adds the options that name a chain and the key that signs; passes ``chain``."""
    return _collected(command, _CHAIN + _KEYS)


json_option = click.option("--json", "as_json", is_flag=True, help="Print JSON, for programs.")

timeout_option = click.option(
    "--timeout",
    type=SecondsParameter(min=0),
    help="Seconds to wait at most.",
    show_default="until the last interval is over, and a minute more",
)


def wait_option(*, default: bool) -> Callable[[Command], Command]:
    """Adds ``--wait`` and ``--no-wait``; passes ``wait``."""
    return click.option(
        "--wait/--no-wait", default=default, help="Show each answer as it arrives, until the last."
    )


def _collected(command: Command, options: tuple[Callable[[Any], Any], ...]) -> Command:
    @functools.wraps(command)
    def run(
        *,
        rpc_url: str,
        network: str | None,
        chain_id: int | None,
        registry: str | None,
        directory: Path,
        keystore: Path | None = None,
        password_file: Path | None = None,
        **own: Any,
    ) -> None:
        chain = Chain(rpc_url, network, chain_id, registry, directory, keystore, password_file)
        command(chain=chain, **own)

    wrapped: Any = run
    for option in reversed(options):
        wrapped = option(wrapped)
    return wrapped  # type: ignore[no-any-return]
