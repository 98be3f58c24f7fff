"""``config.json``: where it is read, and what is accepted."""

import json
from pathlib import Path
from typing import Any

import pytest

from infernet_node.config import ConfigError, load_config, parse_config
from test.node.config_documents import KEY, REGISTRY, RUNNING, chain, parsed, problems

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
