"""Secrets of the configuration: where they come from, and that nobody sees them."""

from pathlib import Path
from typing import Any

import pytest

from infernet_node.config import parse_config, secrets_of
from test.node.config_documents import KEY, RUNNING, chain, parsed, problems


class TestSecrets:
    @pytest.mark.parametrize(
        "wallet",
        [
            {"private_key": KEY + "00"},
            {"private_key": KEY, "max_gas_limit": "x"},
            {"private_key": [KEY]},
            KEY,
        ],
    )
    def test_w_45_the_key_is_never_printed(self, wallet: Any) -> None:
        text = "\n".join(problems(chain(wallet=wallet)))
        assert KEY[2:] not in text

    def test_not_by_repr_either(self) -> None:
        config = parsed(
            {
                **chain(rpc_url="https://h/v3/apikey"),
                "containers": [{**RUNNING, "bearer": "token-1", "env": {"S": "env-secret"}}],
                "docker": {"username": "u", "password": "docker-secret"},
                "store": {"url": "postgresql://u:pg-secret@h/db"},
            }
        )
        for secret in (KEY[2:], "apikey", "token-1", "env-secret", "docker-secret", "pg-secret"):
            assert secret not in repr(config)

    def test_what_logs_must_hide(self) -> None:
        config = parsed(
            {
                **chain(rpc_url="http://localhost:8545,https://h/v3/apikey", ws_url="wss://h/k"),
                "containers": [{**RUNNING, "bearer": "token-1"}],
                "docker": {"username": "u", "password": "docker-secret"},
                "store": {"url": "postgresql://u:pg-secret@h/db"},
                "server": {"status_token": "status-secret"},
            }
        )
        assert set(secrets_of(config)) == {
            KEY,
            "https://h/v3/apikey",
            "wss://h/k",
            "token-1",
            "docker-secret",
            "pg-secret",
            "status-secret",
        }

    @pytest.mark.parametrize(
        ("url", "hidden"),
        [
            ("postgresql+asyncpg://u:pa%2Fss@h/db", {"pa%2Fss", "pa/ss"}),
            ("postgresql+asyncpg://u:pa/ss#w?rd@h/db", {"pa/ss#w?rd"}),
            ("postgresql+asyncpg://u@h/db?password=pa+ss", {"pa ss"}),
        ],
    )
    def test_the_stores_password_is_found_wherever_it_stands(
        self, url: str, hidden: set[str]
    ) -> None:
        assert set(secrets_of(parsed({"store": {"url": url}}))) == hidden

    def test_an_endpoint_that_is_none_is_hidden_as_a_whole(self) -> None:
        config = parsed({"chain": {"rpc_url": "http://[half-an-address"}})
        assert secrets_of(config) == ("http://[half-an-address",)

    def test_a_key_in_the_place_of_its_hash_is_not_shown(self) -> None:
        in_file = problems({"server": {"api_keys": [{"name": "me", "sha256": "plain-key"}]}})
        in_environment = problems({}, INFERNET_API_KEYS="plain+key")
        assert "must be the SHA-256 of the key" in in_file[0]
        assert "plain" not in "\n".join(in_file + in_environment)

    def test_the_key_gets_its_prefix(self) -> None:
        wallet = parsed(chain(wallet={"private_key": KEY[2:]})).chain.wallet
        assert wallet is not None
        assert wallet.private_key is not None
        assert wallet.private_key.get_secret_value() == KEY


class TestEnvironment:
    def test_wins_over_the_file(self) -> None:
        config = parsed(chain(wallet=None), INFERNET_PRIVATE_KEY=KEY, INFERNET_RPC_URL="http://x:1")

        assert config.chain.rpc_urls == ("http://x:1",)
        assert config.chain.wallet is not None
        assert config.chain.wallet.private_key is not None

    def test_w_40_names_a_file(self, tmp_path: Path) -> None:
        file = tmp_path / "key"
        file.write_text(KEY + "\n")
        config = parsed(chain(wallet={}), INFERNET_PRIVATE_KEY_FILE=str(file))
        assert config.chain.wallet is not None

    def test_an_unreadable_file_is_a_problem(self, tmp_path: Path) -> None:
        found = problems(chain(), INFERNET_PRIVATE_KEY_FILE=str(tmp_path / "none"))
        assert found == ["INFERNET_PRIVATE_KEY_FILE: the file it names cannot be read"]


class TestBearerVariables:
    def test_by_the_id_of_the_container(self, tmp_path: Path) -> None:
        (tmp_path / "token").write_text("from-file\n")
        environ = {
            "INFERNET_BEARER_MY_TGI_2": "from-environment",
            "INFERNET_BEARER_OTHER_FILE": str(tmp_path / "token"),
        }
        containers = [{"id": "my-tgi.2", "url": "http://a"}, {"id": "other", "url": "http://b"}]
        config = parse_config({"containers": containers}, environ).config

        assert [c.bearer.get_secret_value() for c in config.containers] == [
            "from-environment",
            "from-file",
        ]
        assert "from-file" in secrets_of(config)
