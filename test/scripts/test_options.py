"""Options that several scripts have are the same in each: name, value, default and explanation."""

from collections import defaultdict

import click

from test.scripts.test_docs import SCRIPTS, command, leaves

CHAIN = {"--rpc-url", "--network", "--chain-id", "--registry", "--deployments"}
KEYS = {"--keystore", "--password-file"}
READING = {"watch", "wallet show"}
"""Commands that sign nothing."""
OF_THE_COMMAND = {
    "--consumer": "another contract in each",
    "--container": "of another contract in each",
    "--deploy": "another contract in each",
    "--period": "of questions that are stored, or of one",
    "--redundancy": "of questions that are stored, or of one",
    "--timeout": "request.py waits for one answer",
    "--token": "wallet.py shows several",
    "--wait": "delegate.py waits unless told otherwise",
    "--wallet": "may be left out where nothing is paid",
}
"""Options of the same name that mean the same, about another thing; and why."""


def options() -> dict[str, dict[str, tuple[str, str]]]:
    """Returns what ``--help`` says of each option, by option and command."""
    found: dict[str, dict[str, tuple[str, str]]] = defaultdict(dict)
    for script in SCRIPTS:
        top = command(script)
        for leaf in leaves(top):
            name = script if leaf is top else f"{script} {leaf.name}"
            context = click.Context(leaf, info_name=name)
            for parameter in leaf.get_params(context):
                if isinstance(parameter, click.Option) and (
                    record := parameter.get_help_record(context)
                ):
                    found[max(parameter.opts, key=len)][name] = record
    return found


def test_every_command_names_a_chain_and_a_key_alike() -> None:
    found = options()
    commands = set(found["--json"])

    assert {name.split()[0] for name in commands} == set(SCRIPTS)
    for option in CHAIN:
        assert set(found[option]) == commands, option
    for option in KEYS:
        assert set(found[option]) == commands - READING, option


def test_what_they_share_is_explained_in_the_same_words() -> None:
    found = options()

    for option in found.keys() - OF_THE_COMMAND.keys():
        assert len(set(found[option].values())) == 1, option


def test_what_they_do_not_share_takes_the_same_kind_of_value() -> None:
    found = options()

    for option in OF_THE_COMMAND:
        kinds = {record[0].partition("--")[2] for record in found[option].values()}
        assert len(kinds) == 1, (option, kinds)
