"""The command line as a shell sees it: pipes, terminals, signals, start-up."""

import asyncio
import importlib.metadata
import json
import re
import signal
import subprocess
import sys
import threading

import pytest
from aiohttp import web

import infernet_client
from infernet_client import cli
from test.client.command_line import Ended, environment, run, run_on_terminal, run_process
from test.client.scripted_node import INFO, Outcome, ScriptedNode
from test.support.waiting import SECONDS

COMMANDS = sorted(cli.commands)
ESCAPE = re.compile(r"\x1b\[[0-9;?]*[A-Za-z]")


def test_the_line_of_the_guides_sample_in_a_pipe(node: ScriptedNode) -> None:
    ended = run_process(
        *("job", "-c", "tgi", "--sync"),
        stdin='{"text": "Can shrimp actually fry rice fr?"}',
        env={"SERVER_URL": node.url},
    )

    assert ended == Ended(0, '{\n  "output": "Yes, and well."\n}\n', "")


def test_exit_codes_of_a_process(node: ScriptedNode) -> None:
    node.outcome = Outcome(error="overloaded")
    node.healthy = False
    env = {"SERVER_URL": node.url}

    assert run_process("job", "-c", "tgi", "--sync", stdin="{}", env=env) == Ended(
        1, "", "Error: overloaded\n"
    )
    assert run_process("health", env=env) == Ended(1, "unhealthy\n", "")
    usage = run_process("job", "--no-such-option", env=env)
    assert (usage.code, usage.out) == (2, "")
    assert "Error: No such option: --no-such-option" in usage.err


def test_ctrl_c_is_130(node: ScriptedNode) -> None:
    waiting = threading.Event()

    async def run_on(request: web.Request) -> web.StreamResponse:
        waiting.set()
        await asyncio.Event().wait()
        raise AssertionError

    node.answer_once("GET", "/api/jobs", run_on)
    process = subprocess.Popen(
        [sys.executable, "-m", "infernet_client", "job", "-c", "tgi", "--sync"],
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
        env=environment({"SERVER_URL": node.url}),
    )
    assert process.stdin is not None
    process.stdin.write("{}")
    process.stdin.close()
    process.stdin = None
    assert waiting.wait(SECONDS)

    process.send_signal(signal.SIGINT)

    out, err = process.communicate(timeout=SECONDS)
    assert (process.returncode, out, err) == (130, "", "Error: interrupted\n")


def test_a_reader_that_leaves_early_is_no_traceback(node: ScriptedNode) -> None:
    node.stream = [b"x" * 1000] * 300
    process = subprocess.Popen(
        [sys.executable, "-m", "infernet_client", "stream", "-c", "tgi"],
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        env=environment({"SERVER_URL": node.url}),
    )
    assert process.stdout is not None
    assert process.stdin is not None
    process.stdin.write(b"{}")
    process.stdin.close()
    process.stdin = None

    assert process.stdout.readline().startswith(b"Job ID: ")
    process.stdout.close()
    process.stdout = None

    _, err = process.communicate(timeout=SECONDS)
    assert (process.returncode, err) == (1, b"")


def test_on_a_terminal_there_is_a_table(node: ScriptedNode) -> None:
    ended = run_on_terminal("info", "--url", node.url, env={"NO_COLOR": "1"})

    assert ended.code == 0
    assert ESCAPE.sub("", ended.out) == (
        "Node 1.4.0\n"
        "Chain: answered by 0x70997970C51812dc3A010C7d01b50e0d17dc79C8\n"
        "Running: 2 off-chain, 0 on-chain\n"
        "┏━━━━━━━━━━━┳━━━━━━━━━━┳━━━━━━━━━━━━━┳━━━━━━━━━━━━━┓\n"
        "┃ Container ┃ External ┃ Image       ┃ Description ┃\n"
        "┡━━━━━━━━━━━╇━━━━━━━━━━╇━━━━━━━━━━━━━╇━━━━━━━━━━━━━┩\n"
        "│ tgi       │ yes      │ org/tgi:1   │ Text        │\n"
        "│ inner     │ no       │ org/inner:1 │             │\n"
        "└───────────┴──────────┴─────────────┴─────────────┘\n"
    )


def test_json_on_a_terminal_is_coloured_and_otherwise_the_same(node: ScriptedNode) -> None:
    ended = run_on_terminal("info", "--json", "--url", node.url)

    assert ESCAPE.search(ended.out)
    assert json.loads(ESCAPE.sub("", ended.out)) == INFO


def test_waiting_on_a_terminal_shows_progress(node: ScriptedNode) -> None:
    job_id = node.add_job(Outcome(running_for=1))
    node.answer_once("POST", "/api/jobs", web.json_response({"id": job_id}))

    ended = run_on_terminal(
        *("job", "-c", "tgi", "-i", "client/samples/input.json", "--wait", "--text"),
        *("--url", node.url),
    )

    assert f"Job {job_id} is running" in ended.out
    assert ESCAPE.sub("", ended.out).split()[-3:] == ["Yes,", "and", "well."]


def test_an_error_does_not_stick_to_the_text_before_it(node: ScriptedNode) -> None:
    node.breaks_stream = True

    ended = run_on_terminal(
        "stream", "-c", "tgi", "-i", "client/samples/input.json", "--url", node.url
    )

    assert "Yes, and well.\nError: the transfer broke off" in ended.out


def test_input_that_is_typed_is_announced(node: ScriptedNode) -> None:
    ended = run_on_terminal(*("job", "-c", "tgi", "--url", node.url), typed=b'{"text": "?"}\n\x04')

    assert "Reading JSON from standard input; end it with Ctrl-D.\n" in ended.out
    assert ended.code == 0
    assert node.bodies("POST", "/api/jobs")[0]["data"] == {"text": "?"}


def test_results_and_containers_are_tables(node: ScriptedNode) -> None:
    long = "Container could not be reached, and there is no other"
    ids = [node.add_job(outcome) for outcome in (Outcome(), Outcome(error=long), Outcome({"n": 1}))]
    arguments = [part for job_id in ids for part in ("--id", job_id)]

    results = run_on_terminal("results", *arguments, "--url", node.url, env={"COLUMNS": "80"})
    containers = run_on_terminal("containers", "--url", node.url)

    for cell in ("Yes, and well.", "success", "failed", '{"n": 1}', *ids):
        assert cell in results.out
    assert results.code == 1
    assert re.search(r"tgi +│ 3 +│ Text", containers.out)


@pytest.mark.parametrize("name", COMMANDS)
def test_every_command_explains_itself(name: str) -> None:
    ended = run(name, "--help")

    assert ended.code == 0
    assert ended.out.startswith(f"Usage: infernet-client {name} [OPTIONS]")
    for option in cli.commands[name].params:
        assert all(spelling in ended.out for spelling in option.opts if spelling[0] == "-")
    assert not re.search(r"0x[0-9a-fA-F]{64}", ended.out)


def test_every_documented_command_is_there() -> None:
    expected = (
        "health info resources check-model job stream results ids sub create-wallet approve "
        "fund withdraw containers find batch completion"
    )

    assert set(expected.split()) == set(COMMANDS)
    for name in COMMANDS:
        assert name in run("--help").out


def test_every_long_option_has_both_spellings(node: ScriptedNode) -> None:
    dashed = {
        option
        for command in cli.commands.values()
        for parameter in command.params
        for option in parameter.opts
        if option.startswith("--") and "-" in option[2:]
    }

    assert {"--rpc-url", "--model-id", "--requires-proof", "--private-key"} == dashed
    for option in dashed:
        underscored = "--" + option[2:].replace("-", "_")
        name = next(
            name for name, c in cli.commands.items() if any(option in p.opts for p in c.params)
        )
        ended = run(name, underscored)
        assert "No such option" not in ended.err
        assert ended.code != 0


def test_debug_shows_the_traceback(node: ScriptedNode) -> None:
    at_the_end = run("health", "--url", "http://127.0.0.1:1", "--debug")
    before = run("--debug", "health", "--url", "http://127.0.0.1:1")

    for ended in (at_the_end, before):
        assert ended.code == 1
        assert "Traceback (most recent call last)" in ended.err
        assert ended.err.splitlines()[-1].startswith("Error: cannot reach 127.0.0.1:1")


def test_version() -> None:
    version = importlib.metadata.version("infernet-tgi")

    assert run("--version") == Ended(0, f"infernet-client, version {version}\n", "")


@pytest.mark.parametrize("shell", ["bash", "zsh", "fish"])
def test_completion(shell: str) -> None:
    ended = run("completion", shell)

    assert ended.code == 0
    assert "_INFERNET_CLIENT_COMPLETE" in ended.out


def test_completion_names_the_commands() -> None:
    ended = run_process(
        env={
            "_INFERNET_CLIENT_COMPLETE": "bash_complete",
            "COMP_WORDS": "infernet-client he",
            "COMP_CWORD": "1",
        }
    )

    assert ended.out == "plain,health\n"


def test_main_returns_0_or_exits(
    node: ScriptedNode, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setattr("sys.argv", ["infernet-client", "health", "--url", node.url])
    assert infernet_client.main() == 0
    assert capsys.readouterr().out == "healthy\n"

    node.healthy = False
    with pytest.raises(SystemExit) as ended:
        infernet_client.main()
    assert ended.value.code == 1


@pytest.mark.parametrize("option", ["-o", "--output"])
def test_a_file_that_cannot_be_written_is_found_before_anything_is_asked(
    node: ScriptedNode, option: str
) -> None:
    ended = run("info", option, "/no/such/folder/file", "--url", node.url)

    assert ended.code == 2
    assert "the directory '/no/such/folder' does not exist or is not writable" in ended.err
    assert node.seen == []


def test_a_disk_that_is_full_is_told(node: ScriptedNode) -> None:
    ended = run("info", "-o", "/dev/full", "--url", node.url)

    assert ended.code == 1
    assert ended.err == "Error: Could not open file '/dev/full': No space left on device\n"


def test_an_error_nobody_foresaw_is_one_line_too(node: ScriptedNode) -> None:
    node.answer_once(
        "GET", "/health", web.Response(headers={"Content-Encoding": "gzip"}, body=b"x")
    )

    ended = run("health", "--url", node.url)

    assert (ended.code, ended.out) == (1, "")
    assert ended.err.startswith("Error: ")
    assert ended.err.count("\n") == 1
