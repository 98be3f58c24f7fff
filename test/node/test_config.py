"""``config.json``: what is accepted, what is said about the rest."""

import json
from pathlib import Path
from typing import Any

import pytest

from infernet_node.config import Config, ConfigError, load_config, parse_config, secrets_of

KEY = "0xac0974bec39a17e36ba4a6b4d238ff944bacb478cbed5efcae784d7bf4f2ff80"
REGISTRY = "0x663F3ad617193148711d28f5334eE4Ed07016602"
RUNNING = {"id": "a", "url": "http://a:3000"}

USERS_SAMPLE = """
{
    "log_path": "infernet_node.log",
    //...... contents abbreviated
    "containers": [
        {
            "id": "tgi_client_inference_service",
            "image": "your_org/tgi_client_inference_service:latest",
            "external": true,
            "port": "3000",
            "allowed_delegate_addresses": [],
            "allowed_addresses": [],
            "allowed_ips": [],
            "command": "--bind=0.0.0.0:3000 --workers=2",
            "env": {
                "TGI_INF_WORKFLOW_POSITIONAL_ARGS": "[\\"http://FILL_HOSTNAME_HERE\\", 30]",
                "TGI_REQUEST_TRIES": "3"
            }
        }
    ]
}
"""


def parsed(document: dict[str, Any], **environ: str) -> Config:
    return parse_config(document, environ).config


def problems(document: dict[str, Any], **environ: str) -> list[str]:
    with pytest.raises(ConfigError) as caught:
        parse_config(document, environ)
    return [str(problem) for problem in caught.value.problems]


def chain(**changes: Any) -> dict[str, Any]:
    section = {
        "enabled": True,
        "rpc_url": "http://localhost:8545",
        "registry_address": REGISTRY,
        "wallet": {"private_key": KEY},
    }
    return {"chain": {**section, **changes}}


class TestDefaults:
    def test_an_empty_document_is_a_configuration(self) -> None:
        config = parsed({})

        assert config.containers == ()
        assert config.manage_containers is True
        assert config.startup_wait == 5.0
        assert (config.redis.host, config.redis.port) == ("redis", 6379)
        assert config.log.path == "infernet_node.log"
        assert (config.log.max_file_size, config.log.backup_count) == (2**30, 2)
        assert (config.server.host, config.server.port) == ("0.0.0.0", 4000)
        assert config.server.rate_limit.num_requests == config.server.rate_limit.period == 60
        assert config.server.max_body_bytes == 16 * 2**20
        assert config.chain.enabled is False
        assert config.chain.trail_head_blocks == 1
        assert config.chain.snapshot_sync.batch_size == 500
        assert config.chain.snapshot_sync.sync_period == 0.5

    def test_a_container_needs_only_an_id(self) -> None:
        (container,) = parsed({"manage_containers": False, "containers": [{"id": "a"}]}).containers

        assert container.port == 3000
        assert container.external is True
        assert container.generates_proofs is False
        assert container.accepted_payments == {}
        assert container.timeouts.answer == 180.0

    def test_wallet_defaults(self) -> None:
        wallet = parsed(chain()).chain.wallet

        assert wallet is not None
        assert wallet.max_gas_limit == 5_000_000
        assert wallet.payment_address is None
        assert wallet.allowed_sim_errors == ()


class TestLenientValues:
    @pytest.mark.parametrize("value", [3000, "3000", "3000.0", 3000.0])
    def test_integers(self, value: Any) -> None:
        assert parsed({"server": {"port": value}}).server.port == 3000

    @pytest.mark.parametrize("value", [1.5, "abc", "1.5", [], {}])
    def test_no_integers(self, value: Any) -> None:
        (problem,) = problems({"server": {"port": value}})
        assert problem.startswith("server.port: must be a whole number")

    @pytest.mark.parametrize("value", [True, 1, "1", "yes", "on", "t", "Y", "TRUE"])
    def test_true(self, value: Any) -> None:
        assert parsed({"manage_containers": value}).manage_containers is True

    @pytest.mark.parametrize("value", [False, 0, "0", "no", "off", "f", "N", "False"])
    def test_false(self, value: Any) -> None:
        assert parsed({"manage_containers": value}).manage_containers is False

    def test_text_is_not_lenient(self) -> None:
        assert problems({"log": {"path": 5}}) == [
            'log.path: must be text in "double quotes", not 5'
        ]

    def test_amounts_may_exceed_64_bits(self) -> None:
        payments = {REGISTRY.lower(): 2**256 - 1, "0x" + "00" * 20: 1e18}
        (container,) = parsed(
            {"containers": [{**RUNNING, "accepted_payments": payments}]}
        ).containers

        assert container.accepted_payments == {REGISTRY: 2**256 - 1, "0x" + "00" * 20: 10**18}

    def test_owners_are_kept_in_lower_case(self) -> None:
        (container,) = parsed(
            {"containers": [{**RUNNING, "allowed_addresses": [REGISTRY]}]}
        ).containers
        assert container.allowed_addresses == (REGISTRY.lower(),)

    def test_host_bits_of_a_network_are_allowed(self) -> None:
        (container,) = parsed(
            {"containers": [{**RUNNING, "allowed_ips": ["10.0.0.7/8"]}]}
        ).containers
        assert [str(network) for network in container.allowed_ips] == ["10.0.0.0/8"]


class TestProblems:
    def test_all_are_reported_at_once(self) -> None:
        found = problems(
            {
                "server": {"port": "abc", "rate_limit": None},
                "containers": [
                    {"port": 0, "allowed_ips": ["x", 3]},
                    {"id": "a,b", "accepted_payments": {"zz": 1}},
                ],
                "chain": {"enabled": True, "trail_head_blocks": -1},
            }
        )
        assert found == [
            "containers[0].id: is missing; add it",
            "containers[0].port: must be greater than or equal to 1, not 0",
            'containers[0].allowed_ips[0]: must be an IP address or a network, e.g. "10.0.0.0/8", '
            'not "x"',
            'containers[0].allowed_ips[1]: must be an IP address or a network, e.g. "10.0.0.0/8", '
            "not 3",
            'containers[1].id: must not contain a comma, which separates ids on chain, not "a,b"',
            'containers[1].accepted_payments.zz (a key): must be an address, "0x" and 40 hex '
            'digits, not "zz"',
            'server.port: must be a whole number, not "abc"',
            "server.rate_limit: must not be null; give a value, or leave it out where it has a "
            "default",
            "chain.rpc_url: rpc_url must be defined when chain is enabled",
            "chain.trail_head_blocks: must be greater than or equal to 0, not -1",
            "chain.registry_address: registry_address must be defined when chain is enabled",
            "chain.wallet: wallet must be defined when chain is enabled",
        ]

    @pytest.mark.parametrize(
        ("missing", "empty"),
        [
            ("rpc_url", None),
            ("rpc_url", ""),
            ("registry_address", None),
            ("registry_address", ""),
            ("wallet", None),
        ],
    )
    def test_an_enabled_chain_needs_its_settings(self, missing: str, empty: Any) -> None:
        (problem,) = problems(chain(**{missing: empty}))
        assert problem == f"chain.{missing}: {missing} must be defined when chain is enabled"

    @pytest.mark.parametrize("wallet", [{}, {"private_key": None}, {"private_key": ""}])
    def test_an_enabled_chain_needs_a_key(self, wallet: dict[str, Any]) -> None:
        (problem,) = problems(chain(wallet=wallet))
        assert problem.startswith(
            "chain.wallet.private_key: private_key must be defined when chain is enabled"
        )

    def test_a_disabled_chain_may_hold_placeholders(self) -> None:
        section = {"enabled": False, "rpc_url": "FILL", "wallet": {"private_key": "0x..."}}
        assert parsed({"chain": section}).chain.enabled is False

    def test_managed_containers_need_an_image(self) -> None:
        assert problems({"containers": [{"id": "a"}]}) == [
            "containers[0].image: image must be defined when manage_containers is set to true; "
            "or give the url of a running container"
        ]

    def test_a_container_with_url_is_never_managed(self) -> None:
        config = parsed({"containers": [RUNNING, {"id": "b", "image": "acme/b"}]})
        assert [container.id for container in config.managed_containers] == ["b"]

    def test_ids_are_unique(self) -> None:
        found = problems({"containers": [RUNNING, {**RUNNING}]})
        assert found == ["containers[1].id: is already the id of containers[0]"]

    def test_docker_needs_both_credentials(self) -> None:
        assert problems({"docker": {"username": "x"}}) == ["docker.password: is missing; add it"]

    def test_batch_size_zero_is_refused(self) -> None:
        (problem,) = problems({"chain": {"snapshot_sync": {"batch_size": 0}}})
        assert problem == (
            "chain.snapshot_sync.batch_size: must be greater than or equal to 1, not 0"
        )

    def test_bounds_agree(self) -> None:
        assert problems({"jobs": {"max_running": 9, "max_pending": 8}}) == [
            "jobs.max_running: must not exceed max_pending"
        ]


class TestRpcUrl:
    @pytest.mark.parametrize(
        "url",
        [
            "http://localhost:8545",
            "http://anvil:8545",
            "https://chain.example.org/v3/key",
            "ws://127.0.0.1:8546",
            "wss://u:p@chain.example.org",
        ],
    )
    def test_accepted(self, url: str) -> None:
        assert parsed(chain(rpc_url=url)).chain.rpc_urls == (url,)

    @pytest.mark.parametrize("url", ["localhost:8545", "ftp://a", "http://", "http://a:99999"])
    def test_refused_without_repeating_it(self, url: str) -> None:
        (problem,) = problems(chain(rpc_url=url))
        assert problem == (
            "chain.rpc_url: must be a URL such as http://localhost:8545 (http, https, ws or wss)"
        )

    def test_several(self) -> None:
        config = parsed(chain(rpc_url="http://a:1, http://b:2"))
        assert config.chain.rpc_urls == ("http://a:1", "http://b:2")

    @pytest.mark.parametrize(
        ("urls", "telling"),
        [
            ({"rpc_url": "http://a:1, ws://b:2,wss://c:3"}, ("ws://b:2", "wss://c:3")),
            ({"rpc_url": "ws://b:2", "ws_url": "wss://c:3"}, ("wss://c:3",)),
            ({"rpc_url": "http://a:1", "ws_url": "ws://b:2, ws://c:3"}, ("ws://b:2", "ws://c:3")),
            ({"rpc_url": "http://a:1", "ws_url": ""}, ()),
        ],
    )
    def test_those_that_tell_of_new_blocks(
        self, urls: dict[str, str], telling: tuple[str, ...]
    ) -> None:
        assert parsed(chain(**urls)).chain.ws_urls == telling

    def test_http_tells_of_no_blocks(self) -> None:
        (problem,) = problems(chain(rpc_url="http://a:1", ws_url="https://h/v3/apikey"))
        assert problem == "chain.ws_url: must be a URL such as ws://localhost:8545 (ws or wss)"


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


class TestOldSpellings:
    def test_log_path(self) -> None:
        assert parsed({"log_path": "x.log"}).log.path == "x.log"

    def test_log_wins_over_log_path(self) -> None:
        assert parsed({"log_path": "x.log", "log": {"path": "y.log"}}).log.path == "y.log"

    def test_snapshot_sync_at_the_top(self) -> None:
        loaded = parse_config({"snapshot_sync": {"sleep": 3, "batch_size": "7"}}, {})

        assert loaded.config.chain.snapshot_sync.sleep == 3.0
        assert loaded.config.chain.snapshot_sync.batch_size == 7
        assert loaded.warnings == (
            "snapshot_sync: belongs under chain now; it was read from the top level",
        )

    def test_rpc_ws(self) -> None:
        document = chain(rpc_ws="ws://localhost:8546")
        del document["chain"]["rpc_url"]
        loaded = parse_config(document, {})

        assert loaded.config.chain.rpc_urls == ("ws://localhost:8546",)
        assert "chain.rpc_ws: is called chain.rpc_url now; it was read as that" in loaded.warnings

    def test_coordinator_address(self) -> None:
        loaded = parse_config(chain(coordinator_address=REGISTRY), {})
        assert "chain.coordinator_address: is ignored; the registry supplies it" in loaded.warnings

    def test_empty_payment_address(self) -> None:
        wallet = parsed(chain(wallet={"private_key": KEY, "payment_address": ""})).chain.wallet
        assert wallet is not None
        assert wallet.payment_address is None


class TestUnknownKeys:
    def test_w_55_are_named_with_what_was_meant(self) -> None:
        loaded = parse_config(
            {
                "server": {"prot": 1, "rate_limit": {"perod": 3}},
                "containers": [{**RUNNING, "alowed_ips": []}],
                "zzz": {"anything": 1},
            },
            {},
        )
        assert loaded.warnings == (
            'server.prot: is not a known key and is ignored; did you mean "port"?',
            'server.rate_limit.perod: is not a known key and is ignored; did you mean "period"?',
            "containers[0].alowed_ips: is not a known key and is ignored; did you mean "
            '"allowed_ips"?',
            "zzz: is not a known key and is ignored",
        )

    def test_w_47_telemetry_is_not_sent(self) -> None:
        loaded = parse_config({"forward_stats": True}, {})
        assert loaded.warnings == (
            "forward_stats: this node sends no telemetry; the key has no effect",
        )


class TestFile:
    def test_the_users_sample(self, tmp_path: Path) -> None:
        file = tmp_path / "config.json"
        file.write_text(USERS_SAMPLE)
        loaded = load_config(file, {})

        (container,) = loaded.config.containers
        assert container.id == "tgi_client_inference_service"
        assert container.port == 3000
        assert container.command == "--bind=0.0.0.0:3000 --workers=2"
        assert container.env["TGI_INF_WORKFLOW_POSITIONAL_ARGS"] == (
            '["http://FILL_HOSTNAME_HERE", 30]'
        )
        assert loaded.config.log.path == "infernet_node.log"
        assert loaded.warnings == ()

    def test_path_from_the_environment(self, tmp_path: Path) -> None:
        file = tmp_path / "other.json"
        file.write_text(json.dumps({"server": {"port": 1}}))
        assert load_config(None, {"INFERNET_CONFIG_PATH": str(file)}).config.server.port == 1

    def test_config_json_is_the_default(
        self, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        (tmp_path / "config.json").write_text(json.dumps({"server": {"port": 2}}))
        monkeypatch.chdir(tmp_path)
        assert load_config(None, {}).config.server.port == 2

    def test_a_missing_file(self, tmp_path: Path) -> None:
        with pytest.raises(ConfigError, match="does not exist; name another one with --config"):
            load_config(tmp_path / "none.json", {})

    def test_a_directory(self, tmp_path: Path) -> None:
        with pytest.raises(ConfigError, match="cannot be read: Is a directory"):
            load_config(tmp_path, {})

    @pytest.mark.parametrize(
        ("content", "message"),
        [
            (b'{"a": 1,\n "b" 2}', "not JSON: line 2, column 6"),
            (b"[1]", "must hold a JSON object"),
            (b'{"a": "\xff"}', "not UTF-8"),
            (b"[" * 100_000, "nested too deeply"),
        ],
        ids=["syntax", "list", "encoding", "depth"],
    )
    def test_not_a_document(self, tmp_path: Path, content: bytes, message: str) -> None:
        file = tmp_path / "config.json"
        file.write_bytes(content)
        with pytest.raises(ConfigError, match=message):
            load_config(file, {})


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
