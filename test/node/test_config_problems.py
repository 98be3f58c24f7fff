"""``config.json``: what is said of a configuration that does not hold."""

from typing import Any

import pytest

from test.node.config_documents import RUNNING, chain, parsed, problems


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

    @pytest.mark.parametrize("key", ["command", "process"])
    def test_command_lines_can_be_read(self, key: str) -> None:
        line = {"id": "a", "image": "acme/a", key: "sh -c 'oops"}
        assert problems({"containers": [line]}) == [
            f"containers[0].{key}: must be a command line: No closing quotation, "
            """not "sh -c 'oops\""""
        ]

    def test_a_process_has_a_program(self) -> None:
        (problem,) = problems({"containers": [{"id": "a", "process": " "}]})
        assert problem.startswith("containers[0].process: must name a program")

    @pytest.mark.parametrize("url", ["p4ssword", "postgresql+asyncpg://u:p4[ss]word@h/db"])
    def test_a_store_has_a_url(self, url: str) -> None:
        (problem,) = problems({"store": {"url": url}})
        assert problem.startswith("store.url: must be a URL such as postgresql+asyncpg://")
        assert "p4" not in problem

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
