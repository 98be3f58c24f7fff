"""The command line of ``tgi-service``."""

from collections.abc import Sequence

import pytest

from tgi_service.server import read_options


@pytest.mark.parametrize(
    ("arguments", "in_container", "addresses", "workers"),
    [
        ([], True, ["0.0.0.0:3000"], 1),
        ([], False, ["127.0.0.1:3000"], 1),
        (["--bind="], False, ["0.0.0.0:3000"], 1),
        (["--bind=", "--workers=2"], True, ["0.0.0.0:3000"], 2),
        (["--bind=0.0.0.0:3000", "--workers=2"], True, ["0.0.0.0:3000"], 2),
        (["-b", "127.0.0.1", "-w", "4"], True, ["127.0.0.1:3000"], 4),
        (["-b", ":8080"], True, ["0.0.0.0:8080"], 1),
        (["-b", "[::1]:80", "-b", "[::1]"], True, ["[::1]:80", "[::1]:3000"], 1),
        (["--bind", "unix:/run/s", "--bind=fd://3"], True, ["unix:/run/s", "fd://3"], 1),
    ],
)
def test_options(
    arguments: Sequence[str], in_container: bool, addresses: Sequence[str], workers: int
) -> None:
    options = read_options(arguments, in_container=in_container)

    assert list(options.addresses) == addresses
    assert options.workers == workers


def test_help_says_what_an_empty_address_means(capsys: pytest.CaptureFixture[str]) -> None:
    with pytest.raises(SystemExit):
        read_options(["--help"], in_container=False)

    told = " ".join(capsys.readouterr().out.split())
    assert "nothing behind the equals sign means 0.0.0.0:3000" in told


@pytest.mark.parametrize(
    "arguments",
    [
        ["--reload"],
        ["--worker=2"],
        ["positional"],
        ["--workers=0"],
        ["--workers=two"],
        ["--workers=-1"],
        ["--bind=host:port"],
        ["--bind=host:99999"],
        ["--bind=http://host"],
        ["--bind=fd://x"],
        ["--bind=unix:"],
    ],
)
def test_wrong_option_is_named(
    arguments: Sequence[str], capsys: pytest.CaptureFixture[str]
) -> None:
    with pytest.raises(SystemExit) as caught:
        read_options(arguments, in_container=True)

    assert caught.value.code == 2
    assert arguments[0].partition("=")[0] in capsys.readouterr().err
