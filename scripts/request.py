"""Asks a model a question from a contract, and reads the answer back from the chain."""

import click
from rich.console import Console

from infernet_client.cli.inputs import SecondsParameter
from scripts.accounts import REQUESTER
from scripts.chat import Chat, ask, show
from scripts.errors import ScriptError
from scripts.terminal.command import SETTINGS, ScriptCommand
from scripts.terminal.options import Chain, json_option, signing_options
from scripts.terminal.values import ADDRESS, QUESTION, TEXT


@click.command(cls=ScriptCommand, context_settings=SETTINGS)
@click.argument("question", type=QUESTION)
@signing_options
@click.option(
    "--consumer",
    type=ADDRESS,
    metavar="ADDRESS",
    help="A ChatConsumer.",
    show_default="as recorded in --deployments",
)
@click.option(
    "--timeout", type=SecondsParameter(min=0), default=60.0, help="Seconds to wait at most."
)
@click.option(
    "--answer",
    type=TEXT,
    metavar="TEXT",
    help="Play the node: deliver this answer yourself. On local chains only.",
)
@json_option
def cli(
    question: str,
    chain: Chain,
    consumer: str | None,
    timeout: float,
    answer: str | None,
    as_json: bool,
) -> None:
    """Calls chatWithLLM with QUESTION, waits for the answer and prints it.

    \b
    Ask through the recorded ChatConsumer of a local stack (`make up`):
        python scripts/request.py "Can shrimp actually fry rice fr?"
    Ask on a real chain, through your own consumer:
        PRIVATE_KEY=0x... python scripts/request.py --rpc-url https://... \\
            --consumer 0x... "What is a rollup?"
    Try a consumer without any node:
        python scripts/request.py --answer "Yes." "Does it work?"
    """
    by = chain.sender(REQUESTER)
    if answer is not None and not chain.is_development:
        raise ScriptError("--answer: this chain is not local, a node has to answer")
    if answer is None and chain.connection.private:
        raise ScriptError(
            "no node can see a chain that lives in this command only: "
            "play the node with --answer TEXT, or start an Anvil first"
        )
    chat = Chat(by, chain.consumer("ChatConsumer", consumer).address)
    result = ask(
        chat,
        question,
        timeout,
        Console(stderr=True),
        own_answer=answer,
        poll_seconds=chain.poll_seconds,
    )
    show(result, as_json)


if __name__ == "__main__":
    cli()
