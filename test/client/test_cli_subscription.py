"""``infernet-client sub``: the line of the guide's sample, and everything around it."""

import json
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from aiohttp import web
from eth_abi.abi import encode
from eth_account import Account
from eth_typing import HexStr

from infernet_client.chain.subscription import Subscription
from infernet_protocol.lenient_json import loads
from infernet_protocol.output import encode_text
from test.client.command_line import Ended, run
from test.client.deployed import OTHER, OTHER_KEY, OWNER_KEY, DeployedChain, signed_arguments
from test.client.scripted_node import ScriptedNode
from test.client.test_subscription import SAMPLE

SAMPLES = Path(__file__).parents[2] / "client" / "samples"
PARAMETERS = loads((SAMPLES / "params.json").read_text())
SUCCESS = "Success: Subscription created.\n"
NO_NONCE = (
    "Warning: --nonce is not given, 0 is used: if this owner has a subscription with nonce 0, "
    "that one is meant and no new one is created\n"
)


@pytest.fixture
def files(tmp_path: Path) -> Path:
    (tmp_path / "key-file.txt").write_text(f"  {OWNER_KEY.removeprefix('0x')}\n")
    (tmp_path / "params.json").write_text((SAMPLES / "params.json").read_text())
    (tmp_path / "input.json").write_text((SAMPLES / "input.json").read_text())
    return tmp_path


def sub(
    chain: DeployedChain,
    node: ScriptedNode,
    files: Path,
    *more: str,
    stdin: str = "",
    **changes: str | None,
) -> Ended:
    """Runs the line of the guide's sample, with options changed (underscores for dashes)."""
    options: dict[str, str | None] = {
        "rpc_url": chain.url,
        "address": chain.coordinator,
        "expiry": str(max(int(time.time()), chain.anvil.timestamp) + 1000),
        "key": str(files / "key-file.txt"),
        "params": str(files / "params.json"),
        "input": str(files / "input.json"),
        "nonce": "7",
        **changes,
    }
    given = [part for k, v in options.items() if v is not None for part in (f"--{k}", v)]
    return run("sub", *given, *more, stdin=stdin, env={"SERVER_URL": node.url})


def test_the_line_of_the_guides_sample_creates_a_subscription(
    chain: DeployedChain, node: ScriptedNode, files: Path
) -> None:
    assert sub(chain, node, files, nonce=None) == Ended(0, SUCCESS, NO_NONCE)

    (body,) = node.bodies("POST", "/api/jobs")
    at_once = {**PARAMETERS, "active_at": chain.anvil.timestamp}
    assert body["subscription"] == Subscription(**at_once).serialized
    assert body["signature"]["nonce"] == 0
    assert body["data"] == {"text": "Can shrimp actually fry rice fr?"}


def test_dashes_environment_variables_and_a_key_for_a_file(
    chain: DeployedChain, node: ScriptedNode, files: Path
) -> None:
    ended = run(
        "sub",
        "--expiry",
        str(chain.anvil.timestamp + 10_000_000),
        "--params",
        str(files / "params.json"),
        "--nonce",
        "1",
        stdin='{"text": "?"}',
        env={
            "SERVER_URL": node.url,
            "RPC_URL": chain.url,
            "ADDRESS": chain.coordinator.lower(),
            "PRIVATE_KEY": OWNER_KEY,
        },
    )

    assert ended == Ended(0, SUCCESS, "")
    assert "--rpc-url" in run("sub", "--help").out


def test_json_tells_what_names_the_subscription(
    chain: DeployedChain, node: ScriptedNode, files: Path
) -> None:
    ended = sub(chain, node, files, "--json")

    assert ended.err == ""
    assert json.loads(ended.out) == {
        "owner": PARAMETERS["owner"],
        "nonce": 7,
    }


def test_a_past_expiry_is_refused_in_one_short_line(
    chain: DeployedChain, node: ScriptedNode, files: Path
) -> None:
    ended = sub(chain, node, files, expiry="1713376164")

    assert ended == Ended(1, "", "Error: [405] Signature expired\n")


@pytest.mark.parametrize(
    ("option", "value", "problem"),
    [
        (
            "address",
            "0x19f...xJ7",
            "Invalid value for '--address': '0x19f...xJ7' is not an address",
        ),
        ("expiry", "tomorrow", "Invalid value for '--expiry'"),
        ("expiry", str(2**32), "Invalid value for '--expiry'"),
        ("nonce", "-1", "Invalid value for '--nonce'"),
        ("key", "missing.txt", "Invalid value for '--key': neither 64 hex digits nor a readable"),
        ("params", "missing.json", "Invalid value for '--params': File 'missing.json' does not"),
        ("input", ".", "Invalid value for '-i' / '--input': File '.' is a directory"),
        ("rpc_url", None, "Missing option '--rpc-url'"),
        ("address", None, "Missing option '--address'"),
        ("expiry", None, "Missing option '--expiry'"),
        ("key", None, "Missing option '--key'"),
        ("params", None, "Missing option '--params'"),
    ],
)
def test_a_wrong_option_is_a_usage_error_that_names_it(
    chain: DeployedChain,
    node: ScriptedNode,
    files: Path,
    option: str,
    value: str | None,
    problem: str,
) -> None:
    changes: dict[str, Any] = {option: value}
    ended = sub(chain, node, files, **changes)

    assert (ended.code, ended.out) == (2, "")
    assert f"Error: {problem}" in ended.err
    assert node.seen == []


@pytest.mark.parametrize(
    ("change", "message"),
    [
        (lambda p: p.pop("lazy"), "lazy: missing"),
        (
            lambda p: p.update(max_gas_price=1),
            "max_gas_price: unknown field; the fields are owner, ",
        ),
        (lambda p: p.update(redundancy=70_000), "redundancy: 70000 is outside 0 to 2**16 - 1"),
        (
            lambda p: p.update(owner="0x00Bd138aBD7...................."),
            "owner: '0x00Bd138aBD7....................' is not an address",
        ),
    ],
)
def test_a_wrong_parameter_is_named(
    chain: DeployedChain,
    node: ScriptedNode,
    files: Path,
    change: Callable[[dict[str, Any]], object],
    message: str,
) -> None:
    parameters = dict(SAMPLE)
    change(parameters)
    (files / "params.json").write_text(json.dumps(parameters))

    ended = sub(chain, node, files)

    assert (ended.code, ended.out) == (1, "")
    assert ended.err.startswith(f"Error: {message}")
    assert ended.err.count("\n") == 1
    assert node.seen == []


def test_an_owner_in_the_wrong_case_is_accepted_with_a_warning(
    chain: DeployedChain, node: ScriptedNode, files: Path
) -> None:
    (files / "params.json").write_text(json.dumps(SAMPLE))

    ended = sub(chain, node, files)

    assert (ended.code, ended.out) == (0, SUCCESS)
    assert ended.err == (
        f"Warning: owner: {SAMPLE['owner']} does not match its checksum; check its digits\n"
    )


def test_two_files_cannot_both_be_standard_input(
    chain: DeployedChain, node: ScriptedNode, files: Path
) -> None:
    ended = sub(chain, node, files, params="-", input="-")

    assert ended.code == 2
    assert "--params and --input cannot both be standard input" in ended.err


def test_no_message_ever_shows_a_key(chain: DeployedChain, node: ScriptedNode, files: Path) -> None:
    mistyped = OWNER_KEY[:-1]
    (files / "wrong.txt").write_text(mistyped)
    by_value = sub(chain, node, files, "--debug", key=mistyped)
    by_file = sub(chain, node, files, "--debug", key=str(files / "wrong.txt"))

    assert by_value.code == 2
    assert by_file == Ended(
        1, "", "Error: the key file does not hold a private key: 64 hex digits\n"
    )
    for ended in (by_value, by_file):
        assert OWNER_KEY[2:20] not in ended.out + ended.err


def test_a_keystore_opens_with_its_password(
    chain: DeployedChain, node: ScriptedNode, files: Path
) -> None:
    keystore = Account.encrypt(HexStr(OWNER_KEY), "pass word", kdf="pbkdf2", iterations=1)
    (files / "key-file.txt").write_text(json.dumps(keystore))

    def with_password(password: str) -> Ended:
        return run(
            "sub",
            *("--rpc-url", chain.url, "--address", chain.coordinator),
            *("--expiry", str(int(time.time()) + 1000), "--nonce", "0"),
            *("--key", str(files / "key-file.txt"), "--params", str(files / "params.json")),
            stdin="{}",
            env={"SERVER_URL": node.url, "KEYSTORE_PASSWORD": password},
        )

    assert with_password("pass word").out == SUCCESS
    assert with_password("wrong") == Ended(
        1,
        "",
        "Error: the keystore does not open: wrong password (KEYSTORE_PASSWORD) or damaged file\n",
    )


def test_a_keystores_password_is_asked_for(
    chain: DeployedChain, node: ScriptedNode, files: Path
) -> None:
    keystore = Account.encrypt(HexStr(OWNER_KEY), "pass word", kdf="pbkdf2", iterations=1)
    (files / "key-file.txt").write_text(json.dumps(keystore))

    ended = sub(chain, node, files, stdin="pass word\n")

    assert ended.code == 0
    assert ended.out.endswith(SUCCESS)
    assert "Password of the keystore:" in ended.err
    assert "pass word" not in ended.out + ended.err


def test_an_endpoint_that_is_not_there(
    chain: DeployedChain, node: ScriptedNode, files: Path
) -> None:
    ended = sub(chain, node, files, rpc_url="http://127.0.0.1:1/v2/s3cret")

    assert ended == Ended(
        1, "", "Error: cannot reach the endpoint http://127.0.0.1:1 (Connection refused)\n"
    )


@pytest.mark.parametrize("as_json", [True, False])
def test_wait_tells_who_answered_in_which_transaction(
    chain: DeployedChain, node: ScriptedNode, files: Path, as_json: bool
) -> None:
    once = {**SAMPLE, "owner": chain.consumer, "period": 0, "frequency": 1, "redundancy": 1}
    (files / "params.json").write_text(json.dumps(once))
    hashes: list[str] = []

    async def deliver(request: web.Request) -> web.Response:
        signature = (await request.json())["signature"]
        signed = signed_arguments(signature, Subscription(**once))
        output = encode(["bytes", "bytes"], [encode_text("Yes"), b""])
        answer = (1, b"", output, b"", OTHER)
        hashes.append(chain.coordinate("deliverComputeDelegatee", *signed, *answer))
        return web.json_response({})

    node.answer_once("POST", "/api/jobs", deliver)

    ended = sub(chain, node, files, "--wait", *(["--json"] if as_json else []))

    assert ended.code == 0, ended.err
    if as_json:
        assert json.loads(ended.out) == {
            "owner": chain.consumer,
            "nonce": 7,
            "subscription_id": 1,
            "node": OTHER,
            "tx": hashes[0],
        }
    else:
        told = f"Answered: subscription 1\n\tnode: {OTHER}\n\ttx: {hashes[0]}\n"
        assert ended.out == SUCCESS + told


def test_wait_says_how_far_it_came(chain: DeployedChain, node: ScriptedNode, files: Path) -> None:
    nothing = sub(chain, node, files, "--wait", "--timeout", "0.05")
    assert nothing == Ended(
        1, SUCCESS, "Error: the subscription is not on the chain after 0.05 s\n"
    )

    once = {**SAMPLE, "owner": chain.consumer, "period": 0}
    (files / "params.json").write_text(json.dumps(once))

    async def create(request: web.Request) -> web.Response:
        signature = (await request.json())["signature"]
        signed = signed_arguments(signature, Subscription(**once))
        chain.coordinate("createSubscriptionDelegatee", *signed)
        return web.json_response({})

    node.answer_once("POST", "/api/jobs", create)
    long_enough_for_a_look = "3"
    created = sub(chain, node, files, "--wait", "--timeout", long_enough_for_a_look)
    assert created == Ended(
        1, SUCCESS, "Error: subscription 1 is on the chain, but not answered after 3 s\n"
    )


def test_a_contract_that_is_no_coordinator_is_named(
    chain: DeployedChain, node: ScriptedNode, files: Path
) -> None:
    ended = sub(chain, node, files, "--wait", address=chain.token, key=OTHER_KEY)

    assert ended.code == 1
    assert ended.err == (
        f"Error: {chain.token} does not answer delegateCreatedIds(): wrong address or wrong chain\n"
    )
