import pytest

from scripts.proxies import without_loopback
from scripts.stack import Stack
from test.scripts.conftest import Run

ADDED = "127.0.0.1,localhost,::1"


@pytest.mark.parametrize(
    ("upper", "lower", "expected_upper", "expected_lower"),
    [
        (None, None, ADDED, ADDED),
        ("corp.example", None, f"corp.example,{ADDED}", f"corp.example,{ADDED}"),
        ("", "corp.example", f"corp.example,{ADDED}", f"corp.example,{ADDED}"),
        ("one.example", "two.example", f"one.example,{ADDED}", f"two.example,{ADDED}"),
        (
            "localhost, .corp",
            None,
            "localhost,.corp,127.0.0.1,::1",
            "localhost,.corp,127.0.0.1,::1",
        ),
        ("*", None, "*", "*"),
    ],
)
def test_loopback_names_are_added_to_those_that_are_there(
    upper: str | None, lower: str | None, expected_upper: str, expected_lower: str
) -> None:
    given = {"NO_PROXY": upper, "no_proxy": lower, "HTTP_PROXY": "http://proxy.example"}
    environment = {name: value for name, value in given.items() if value is not None}
    extended = without_loopback(environment)
    assert extended == {"NO_PROXY": expected_upper, "no_proxy": expected_lower}
    assert without_loopback(extended) == extended


def test_a_local_chain_is_reached_behind_a_proxy_that_is_dead(run: Run, chain: Stack) -> None:
    proxy = "http://127.0.0.1:9"
    done = run(
        "deploy.py",
        "--verify-only",
        "--deployments",
        chain.deployments,
        HTTP_PROXY=proxy,
        http_proxy=proxy,
        NO_PROXY="",
        no_proxy="",
    )
    assert done.returncode == 0, done.stderr
