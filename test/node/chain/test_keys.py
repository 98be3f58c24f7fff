"""Where the key comes from, and that only one process works with it."""

import json
from pathlib import Path
from typing import Any

import pytest
from eth_account import Account

from infernet_node.chain.key_lock import KeyInUseError, key_lock
from infernet_node.config import ConfigError, load_config, parse_config
from test.node.chain.world import NODE, NODE_KEY

PASSWORD = "correct horse"
REGISTRY = "0x663F3ad617193148711d28f5334eE4Ed07016602"


def document(**wallet: Any) -> dict[str, Any]:
    chain = {"enabled": True, "rpc_url": "http://localhost:8545", "registry_address": REGISTRY}
    return {"chain": {**chain, "wallet": wallet}}


@pytest.fixture(scope="session")
def keystore(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("keys")
    encrypted = Account.encrypt(bytes.fromhex(NODE_KEY[2:]), PASSWORD, iterations=2)
    (folder / "key.json").write_text(json.dumps(encrypted))
    (folder / "password").write_text(PASSWORD + "\n")
    return folder


def key_of(config: Any) -> str:
    return str(config.chain.wallet.private_key.get_secret_value())


def test_a_key_comes_from_a_keystore_and_its_password_file(keystore: Path) -> None:
    loaded = parse_config(
        document(keystore=f"{keystore}/key.json", password_file=f"{keystore}/password"), {}
    )

    assert key_of(loaded.config) == NODE_KEY
    assert loaded.warnings == ()


def test_a_key_in_the_environment_needs_no_keystore(keystore: Path) -> None:
    loaded = parse_config(document(keystore="missing"), {"INFERNET_PRIVATE_KEY": NODE_KEY})

    assert key_of(loaded.config) == NODE_KEY
    assert loaded.warnings == ()


def test_a_key_in_the_file_is_worth_a_warning_that_does_not_repeat_it(tmp_path: Path) -> None:
    file = tmp_path / "config.json"
    file.write_text(json.dumps(document(private_key=NODE_KEY)))

    (warning,) = load_config(file, {}).warnings

    assert "chain.wallet.private_key" in warning
    assert "keystore" in warning
    assert NODE_KEY[2:] not in warning


@pytest.mark.parametrize(
    ("keystore_content", "password", "expected"),
    [
        (None, PASSWORD, "cannot be read"),
        ("nonsense", PASSWORD, "no JSON"),
        ("{}", PASSWORD, "no V3 keystore"),
        ("[]", PASSWORD, "no V3 keystore"),
        ("good", "wrong", "does not fit"),
        ("good", None, "password_file"),
    ],
)
def test_what_is_wrong_with_a_keystore_is_named(
    keystore: Path,
    tmp_path: Path,
    keystore_content: str | None,
    password: str | None,
    expected: str,
) -> None:
    file = tmp_path / "key.json"
    if keystore_content is not None:
        good = (keystore / "key.json").read_text()
        file.write_text(good if keystore_content == "good" else keystore_content)
    wallet = {"keystore": str(file)}
    if password is not None:
        (tmp_path / "password").write_text(password)
        wallet["password_file"] = str(tmp_path / "password")

    with pytest.raises(ConfigError) as caught:
        parse_config(document(**wallet), {})

    assert "chain.wallet.keystore" in str(caught.value)
    assert expected in str(caught.value)
    assert PASSWORD not in str(caught.value)


def test_one_key_is_for_one_process(tmp_path: Path) -> None:
    second = key_lock(tmp_path, NODE)
    with key_lock(tmp_path, NODE), pytest.raises(KeyInUseError, match="in use by process"):
        second.__enter__()

    with key_lock(tmp_path, NODE):
        pass  # whoever comes later has it to itself


def test_two_keys_do_not_stand_in_each_others_way(tmp_path: Path) -> None:
    with key_lock(tmp_path, NODE), key_lock(tmp_path, REGISTRY):
        assert len(list(tmp_path.iterdir())) == 2
