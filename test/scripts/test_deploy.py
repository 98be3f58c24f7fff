import json
from pathlib import Path

import pytest
from web3 import Web3

from infernet_protocol.registry import GETTERS
from scripts.accounts import REQUESTER, anvil_account
from scripts.stack import Stack
from test.scripts.conftest import Done, Run

RECORDED = ["Registry", *GETTERS, "ChatConsumer"]
QUICK = ("--build", "default")
"""What it does otherwise, which is to build the release first, is seen in ``test/e2e``."""


def other_key() -> str:
    """A funded Anvil key that is not the documented deployer's."""
    return str(anvil_account(REQUESTER + 5).key.hex())


def test_it_records_every_contract_with_its_creation(
    run: Run, chain: Stack, tmp_path: Path
) -> None:
    done = run("deploy.py", *QUICK, "--deployments", tmp_path, PRIVATE_KEY=other_key())
    assert done.returncode == 0, done.stderr
    web3 = Web3(Web3.HTTPProvider(chain.rpc_url))
    recorded = json.loads((tmp_path / "31337.json").read_text())
    assert sorted(recorded) == sorted(RECORDED)
    for name, entry in recorded.items():
        receipt = web3.eth.get_transaction_receipt(entry["txHash"])
        assert receipt["contractAddress"] == entry["address"], name
        assert receipt["blockNumber"] == entry["block"], name
        assert entry["abiHash"].startswith("0x")
        assert len(entry["abiHash"]) == 66


def test_in_a_pipe_it_prints_a_line_per_contract(run: Run, tmp_path: Path) -> None:
    done = run("deploy.py", *QUICK, "--deployments", tmp_path, PRIVATE_KEY=other_key())
    assert [line.split()[0] for line in done.stdout.splitlines()] == RECORDED


def test_programs_get_json(invoke: Run, tmp_path: Path) -> None:
    options = ("--json", "--deployments", tmp_path)
    done = invoke("deploy.py", *QUICK, *options, PRIVATE_KEY=other_key())
    created = json.loads(done.stdout)
    recorded = json.loads((tmp_path / "31337.json").read_text())
    assert list(created) == RECORDED
    assert all(created[name]["address"] == recorded[name]["address"] for name in RECORDED)
    checked = json.loads(invoke("deploy.py", "--verify-only", *options).stdout)
    assert checked["contracts"] == {name: recorded[name]["address"] for name in recorded}
    assert (checked["chain_id"], checked["fee"]) == (31337, 0)


def test_core_only_deploys_no_example(run: Run, tmp_path: Path) -> None:
    done = run(
        "deploy.py", *QUICK, "--core-only", "--deployments", tmp_path, PRIVATE_KEY=other_key()
    )
    assert done.returncode == 0, done.stderr
    assert "ChatConsumer" not in json.loads((tmp_path / "31337.json").read_text())


def test_the_fee_is_set_as_asked(run: Run, chain: Stack, tmp_path: Path) -> None:
    recipient = "0x" + "11" * 20
    options = ("--fee", "500", "--fee-recipient", recipient, "--deployments", tmp_path)
    assert run("deploy.py", *QUICK, *options, PRIVATE_KEY=other_key()).returncode == 0
    done = run("deploy.py", "--verify-only", "--deployments", tmp_path)
    assert done.stdout == f"chain 31337: 7 contracts in place, fee 5.00 % to {recipient}\n"


def test_verify_only_names_what_does_not_fit(invoke: Run, chain: Stack, tmp_path: Path) -> None:
    recorded = json.loads((chain.deployments / "31337.json").read_text())
    recorded["Inbox"]["address"] = recorded["Fee"]["address"]
    (tmp_path / "31337.json").write_text(json.dumps(recorded))
    done = invoke("deploy.py", "--verify-only", "--deployments", tmp_path)
    assert done.returncode == 1
    assert f"as Inbox, {tmp_path}/31337.json 0x" in done.stderr


@pytest.mark.parametrize(
    ("change", "message"),
    [
        (lambda recorded: recorded.pop("Reader"), ".json: Reader"),
        (
            lambda recorded: recorded["Fee"].update(address="0x" + "22" * 20),
            "Fee: there is no contract at 0x2222",
        ),
    ],
)
def test_verify_only_names_what_is_missing(
    invoke: Run, chain: Stack, tmp_path: Path, change: object, message: str
) -> None:
    recorded = json.loads((chain.deployments / "31337.json").read_text())
    assert callable(change)
    change(recorded)
    (tmp_path / "31337.json").write_text(json.dumps(recorded))
    done = invoke("deploy.py", "--verify-only", "--deployments", tmp_path)
    assert done.returncode == 1
    assert message in done.stderr


def deploy(invoke: Run, folder: Path, *options: str) -> Done:
    arguments = (*QUICK, "--deployments", folder, *options)
    return invoke("deploy.py", *arguments, PRIVATE_KEY=other_key())


def test_each_address_is_told_as_soon_as_it_is_known(invoke: Run, tmp_path: Path) -> None:
    done = deploy(invoke, tmp_path)
    recorded = json.loads((tmp_path / "31337.json").read_text())
    assert done.stderr.splitlines()[:-1] == [
        f"deployed {name} at {recorded[name]['address']}" for name in RECORDED
    ]


def test_a_deployment_that_is_recorded_is_not_forgotten(
    invoke: Run, chain: Stack, tmp_path: Path
) -> None:
    deploy(invoke, tmp_path)
    file = tmp_path / "31337.json"
    first, sent = file.read_text(), nonce(chain)
    done = deploy(invoke, tmp_path)
    assert done.returncode == 1
    registry = json.loads(first)["Registry"]["address"]
    assert f"the registry {registry} is on chain 31337): pass --replace" in done.error
    assert (file.read_text(), nonce(chain)) == (first, sent)


def test_replacing_keeps_each_older_file_whole(invoke: Run, tmp_path: Path) -> None:
    file = tmp_path / "31337.json"
    seen = []
    for options in [(), ("--replace",), ("--replace", "--core-only")]:
        assert deploy(invoke, tmp_path, *options).returncode == 0
        seen.append(file.read_text())
    kept = [(tmp_path / f"31337.{number}.json").read_text() for number in (1, 2)]
    assert kept == seen[:2]
    assert sorted(json.loads(seen[2])) == sorted(["Registry", *GETTERS])
    assert deploy(invoke, tmp_path, "--verify-only").returncode == 0


def test_what_is_recorded_of_a_chain_that_is_gone_is_dropped(
    invoke: Run, chain: Stack, tmp_path: Path
) -> None:
    recorded = json.loads((chain.deployments / "31337.json").read_text())
    for entry in recorded.values():
        entry["address"] = "0x" + "22" * 20
    (tmp_path / "31337.json").write_text(json.dumps({**recorded, "ScheduledChat": entry}))
    assert deploy(invoke, tmp_path).returncode == 0
    assert sorted(json.loads((tmp_path / "31337.json").read_text())) == sorted(RECORDED)
    assert [path.name for path in tmp_path.iterdir()] == ["31337.json"]


def test_a_damaged_file_is_not_overwritten_unless_asked(invoke: Run, tmp_path: Path) -> None:
    (tmp_path / "31337.json").write_text("{")
    done = deploy(invoke, tmp_path)
    assert done.returncode == 1
    assert "damaged" in done.error
    assert deploy(invoke, tmp_path, "--replace").returncode == 0
    assert (tmp_path / "31337.1.json").read_text() == "{"


def test_verify_only_sees_a_consumer_of_another_coordinator(
    invoke: Run, chain: Stack, tmp_path: Path
) -> None:
    deploy(invoke, tmp_path)
    file = tmp_path / "31337.json"
    strange = json.loads((chain.deployments / "31337.json").read_text())["ChatConsumer"]
    file.write_text(json.dumps({**json.loads(file.read_text()), "ChatConsumer": strange}))
    done = deploy(invoke, tmp_path, "--verify-only")
    assert done.returncode == 1
    assert f"ChatConsumer at {strange['address']} was built for another" in done.error


def test_a_registry_is_for_verifying_only(invoke: Run, chain: Stack, tmp_path: Path) -> None:
    sent = nonce(chain)
    done = deploy(invoke, tmp_path, "--registry", chain.contracts["Registry"].address)
    assert done.returncode == 2
    assert "--registry: only with --verify-only" in done.stderr
    assert nonce(chain) == sent


def nonce(chain: Stack) -> int:
    """How many transactions the other key has sent."""
    web3 = Web3(Web3.HTTPProvider(chain.rpc_url))
    return web3.eth.get_transaction_count(anvil_account(REQUESTER + 5).address)


def test_a_bad_fee_recipient_is_named(invoke: Run) -> None:
    done = invoke("deploy.py", "--fee-recipient", "0x12")
    assert done.returncode == 2
    assert "--fee-recipient" in done.stderr
    assert "'0x12' is not an address" in done.stderr
