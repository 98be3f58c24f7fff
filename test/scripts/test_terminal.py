import pytest
from requests.exceptions import HTTPError
from web3.exceptions import ContractCustomError

from infernet_protocol.abis import abi
from scripts.chain import reason, shown_url
from scripts.terminal.text import printable


@pytest.mark.parametrize(
    ("text", "shown"),
    [
        ("Two\nlines,\ta tab, 🦐", "Two\nlines,\ta tab, 🦐"),
        ("\x1b]0;title\x07", "\\x1b]0;title\\x07"),
        ("\x9b31m\x7f\r", "\\x9b31m\\x7f\\x0d"),
    ],
)
def test_a_strangers_text_cannot_command_the_terminal(text: str, shown: str) -> None:
    assert printable(text) == shown


@pytest.mark.parametrize(
    ("url", "shown"),
    [
        ("https://user:pw@rpc.example:8545/v3/key?x=1", "https://rpc.example:8545"),
        ("http://127.0.0.1:8545", "http://127.0.0.1:8545"),
        ("http://[::1]:8545/key", "http://[::1]:8545"),
        ("not a url", "not a url"),
        ("user:pw@rpc.example/v3/key", "rpc.example"),
        ("https://rpc.example?apikey=key", "https://rpc.example"),
        ("https://rpc.example/v3/key?next=http://a", "https://rpc.example"),
        ("https://rpc.example#key", "https://rpc.example"),
    ],
)
def test_only_the_origin_of_a_url_is_shown(url: str, shown: str) -> None:
    assert shown_url(url) == shown


def test_a_failed_request_is_named_without_its_url() -> None:
    error = HTTPError("401 Client Error for url: https://rpc.example/v3/key")
    assert reason(error) == "no answer from the endpoint (HTTPError)"


@pytest.mark.parametrize(
    ("data", "named"),
    [
        ("0x2f4ca85b", "IntervalCompleted"),
        ("0x00000000", "custom error 0x00000000"),
    ],
)
def test_a_revert_is_named_by_the_contracts_error(data: str, named: str) -> None:
    assert reason(ContractCustomError(data, data=data), abi("ScheduledChat")) == named
