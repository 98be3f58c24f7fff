"""docs/client.md names every method, option, variable and error of the client."""

import inspect
import re

import click
import pytest

from infernet_client import NodeClient, RouterClient, SyncNodeClient, cli, error
from infernet_client.chain.coordinator import Coordinator
from infernet_client.chain.rpc import RPC
from infernet_client.chain.subscription import Subscription
from infernet_client.chain.token import Token
from infernet_client.chain.wallet import InfernetWallet
from infernet_client.chain.wallet_factory import WalletFactory
from infernet_client.cli.inputs import PASSWORD_VARIABLE
from scripts.stack import ROOT

PAGE = (ROOT / "docs/client.md").read_text()


def public_methods(kind: type) -> set[str]:
    return {
        name for name, _ in inspect.getmembers(kind, inspect.isfunction) if not name.startswith("_")
    }


@pytest.mark.parametrize(
    "kind",
    [NodeClient, RouterClient, InfernetWallet, WalletFactory, Token],
    ids=lambda k: k.__name__,
)
def test_every_method_is_documented(kind: type) -> None:
    for name in public_methods(kind):
        assert f"`{name}(" in PAGE, name


@pytest.mark.parametrize("kind", [RPC, Subscription, Coordinator], ids=lambda k: k.__name__)
def test_every_member_is_documented(kind: type) -> None:
    for name in vars(kind):
        assert name.startswith("_") or f"`{name}`" in PAGE or f"`{name}(" in PAGE, name


def test_the_synchronous_client_has_the_same_methods() -> None:
    assert public_methods(SyncNodeClient) - {"close"} == public_methods(NodeClient)


def test_every_error_is_documented_with_its_code() -> None:
    kinds = {
        kind.__name__: kind.code
        for kind in vars(error).values()
        if inspect.isclass(kind) and issubclass(kind, error.InfernetError)
    }

    assert dict(re.findall(r"^\| `(\w+Error)` \| `(\w+)` \|", PAGE, re.M)) == kinds


def test_every_command_is_documented() -> None:
    table = PAGE.partition("| Command | Does |")[2].partition("\n\n")[0]
    first_cells = " ".join(row.split("|")[1] for row in table.splitlines()[2:])

    assert set(re.findall(r"`([a-z-]+)`", first_cells)) == set(cli.commands)


@pytest.mark.parametrize("name", sorted(cli.commands))
def test_every_option_and_variable_is_documented(name: str) -> None:
    for parameter in cli.commands[name].params:
        if isinstance(parameter, click.Option):
            assert any(f"`{spelling}`" in PAGE for spelling in parameter.opts), parameter.opts
            assert parameter.envvar is None or f"`{parameter.envvar}`" in PAGE


def test_the_variable_of_the_password_is_documented() -> None:
    assert f"`{PASSWORD_VARIABLE}`" in PAGE
