"""What the pages and the help texts show can be typed, and every option is on a page."""

import re
import shlex
from collections.abc import Iterator
from importlib import import_module
from pathlib import Path

import click
import pytest

from scripts.stack import ROOT

SCRIPTS = ("delegate", "deploy", "request", "subscribe", "wallet", "watch")
PAGES = [ROOT / "docs" / "scripts.md", ROOT / "docs" / "ape.md"]
ADDRESS = "0x" + "11" * 20
_NAMES = "|".join(SCRIPTS)
CALL = re.compile(rf"(?:python scripts/({_NAMES})\.py|ape run ({_NAMES})) ?([^|\n]*)")


def command(script: str) -> click.Command:
    found = import_module(f"scripts.{script}").cli
    assert isinstance(found, click.Command)
    return found


def leaves(top: click.Command) -> Iterator[click.Command]:
    if isinstance(top, click.Group):
        for sub in top.commands.values():
            yield from leaves(sub)
    else:
        yield top


def calls(text: str) -> list[tuple[str, str]]:
    """Every call of a script in a text, as the script's name and its arguments."""
    joined = re.sub(r"\\\n\s*", "", text)
    return [(plain or under_ape, rest) for plain, under_ape, rest in CALL.findall(joined)]


SHOWN = [(page.name, *call) for page in PAGES for call in calls(page.read_text())] + [
    (f"{script} --help", *call) for script in SCRIPTS for call in calls(command(script).help or "")
]


@pytest.mark.parametrize(("where", "script", "arguments"), SHOWN)
def test_a_shown_call_can_be_typed(where: str, script: str, arguments: str, tmp_path: Path) -> None:
    keystore = tmp_path / "me.json"
    keystore.touch()
    typed = re.sub(r"\$[A-Z]+|0x\.\.\.", ADDRESS, arguments)
    typed = typed.replace("~/.ape/accounts/me.json", str(keystore))
    context = command(script).make_context(script, shlex.split(typed))
    if isinstance(context.command, click.Group):
        name, sub, rest = context.command.resolve_command(context, context.protected_args)
        assert sub is not None
        sub.make_context(name, [*rest, *context.args], parent=context)


def test_the_pages_show_calls_at_all() -> None:
    assert {script for where, script, _ in SHOWN if where == "scripts.md"} == set(SCRIPTS)
    assert {script for where, script, _ in SHOWN if where.endswith("--help")} == set(SCRIPTS)


@pytest.mark.parametrize("script", SCRIPTS)
def test_every_option_is_on_the_page(script: str) -> None:
    page = PAGES[0].read_text()
    for leaf in leaves(command(script)):
        for parameter in leaf.params:
            names = [name for name in parameter.opts if name.startswith("--")]
            assert all(name in page for name in names), f"{script}: {names}"
