"""Chains as scripts reach them: by URL, or as a network of ape."""

from dataclasses import dataclass
from typing import Any

import click
from requests.exceptions import RequestException
from web3 import EthereumTesterProvider, Web3
from web3.exceptions import ContractLogicError
from web3.middleware import Web3Middleware

from infernet_protocol.contract_errors import SELECTORS
from scripts.errors import ScriptError


@dataclass(frozen=True, slots=True)
class Connection:
    """An open connection to a chain."""

    web3: Web3
    private: bool = False
    """Whether the chain was started for this command, begins empty and ends with it."""


def open_network(choice: str) -> Connection:
    """Opens a network of ape for as long as the running command lasts.

    Args:
        choice: ecosystem, network and provider, e.g. ``"ethereum:local:foundry"``.

    Raises:
        ScriptError: if ape is missing, or does not know or reach the network.
    """
    try:
        import ape
        from ape.exceptions import ApeException
    except ImportError:
        raise ScriptError(
            "--network needs ape: pip install '.[ape]', or name a chain with --rpc-url"
        ) from None
    try:
        network = ape.networks.parse_network_choice(choice, disconnect_after=True)
        provider: Any = click.get_current_context().with_resource(network)
    except (ApeException, RequestException) as error:
        raise ScriptError(f"--network {choice}: {' '.join(str(error).split())}") from None
    web3: Web3 = provider.web3
    if isinstance(web3.provider, EthereumTesterProvider):
        web3.middleware_onion.inject(NamedReverts, layer=0)
        return Connection(web3, private=True)
    # ape-foundry joins an Anvil that is running, and starts one of its own otherwise.
    return Connection(web3, private=getattr(provider, "process", None) is not None)


class NamedReverts(Web3Middleware):
    """Makes py-evm's reverts look like those of every other chain."""

    def wrap_make_request(self, make_request: Any) -> Any:
        from eth_tester.exceptions import TransactionFailed

        def request(method: Any, params: Any) -> Any:
            try:
                return make_request(method, params)
            except TransactionFailed as error:
                raise ContractLogicError(_named(str(error))) from None

        return request


def _named(said: str) -> str:
    # web3 hands on the revert data as Python prints bytes.
    for selector, name in SELECTORS.items():
        if repr(selector) in said:
            return name
    return said
