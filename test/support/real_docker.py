"""A real Docker Engine: that of this machine, or one of its own where there is none."""

import io
import os
import shutil
import socket
import subprocess
import tarfile
import time
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path
from typing import IO

import aiodocker
import pytest

from scripts.processes import die_with_parent

_OF_THE_MACHINE = "/var/run/docker.sock"
_START_SECONDS = 30.0

SERVICE = r"""#!/bin/sh
# One connection: says on standard error what was asked, answers with what it knows.
read -r method path version
length=0
while read -r name value; do
    value=$(echo "$value" | tr -d '\r')
    case "$(echo "$name" | tr A-Z a-z)" in
        content-length:) length=$value ;;
        x-request-id:) echo "asked by $value" >&2 ;;
        "" | "$(printf '\r')") break ;;
    esac
done
body=$(head -c "$length")
echo "$method $path" >&2
case "$body" in *'"die"'*) touch /dead ;; esac
answer="{\"word\":\"$WORD\",\"argument\":\"$ARGUMENT\",\"note\":\"$(cat /notes/note 2>/dev/null)\"}"
printf 'HTTP/1.1 200 OK\r\ncontent-type: application/json\r\nconnection: close\r\n'
printf 'content-length: %s\r\n\r\n%s' "${#answer}" "$answer"
"""
"""Answers one connection; needs no more than busybox."""

MAIN = """#!/bin/sh
trap 'echo stopping; exit 0' TERM
rm -f /dead
export ARGUMENT="$1"
echo "serving with $1"
nc -ll -p 3000 -e /service.sh &
while [ ! -e /dead ]; do sleep 0.1; done
echo "dying"
exit 3
"""


@contextmanager
def docker_url(directory: Path) -> Iterator[str]:
    """Gives what ``DOCKER_HOST`` must be to reach a Docker Engine.

    Where none runs and none can be started, which takes root and ``dockerd``, the test is skipped.
    """
    if named := os.environ.get("DOCKER_HOST"):
        yield named
    elif _pings(_OF_THE_MACHINE):
        yield f"unix://{_OF_THE_MACHINE}"
    elif os.geteuid() == 0 and shutil.which("dockerd"):
        with _own_engine(directory) as url:
            yield url
    else:
        pytest.skip(
            "no Docker Engine: none runs, and none can be started without root and dockerd "
            "(Debian: docker.io)"
        )


def files() -> dict[str, bytes]:
    """Returns the files of an image that serves: busybox, and the two scripts."""
    busybox = shutil.which("busybox")
    if busybox is None:
        pytest.skip("no busybox to make an image of (Debian: busybox-static)")
    binary = Path(busybox).read_bytes()
    if b"/ld-linux" in binary or b"/ld-musl" in binary:
        pytest.skip(f"{busybox} is not static (Debian: busybox-static)")
    return {
        "bin/busybox": binary,
        "service.sh": SERVICE.encode(),
        "main.sh": MAIN.encode(),
    }


APPLETS = ("sh", "nc", "sleep", "rm", "touch", "cat", "head", "tr", "printf", "echo")


def archive(content: Mapping[str, bytes], applets: tuple[str, ...] = ()) -> bytes:
    """Returns a tar file of executable files, and links to busybox."""
    packed = io.BytesIO()
    with tarfile.open(fileobj=packed, mode="w") as tar:
        for name, data in content.items():
            entry = tarfile.TarInfo(name)
            entry.size, entry.mode = len(data), 0o755
            tar.addfile(entry, io.BytesIO(data))
        for applet in applets:
            link = tarfile.TarInfo(f"bin/{applet}")
            link.type, link.linkname = tarfile.SYMTYPE, "busybox"
            tar.addfile(link)
    return packed.getvalue()


async def import_tree(docker: aiodocker.Docker, image: str, tree: IO[bytes]) -> None:
    """Makes an image out of a tar file, as `docker import` does."""
    repository, _, tag = image.rpartition(":")
    # aiodocker has no method for it.
    async with docker._query(
        "images/create",
        "POST",
        params={"fromSrc": "-", "repo": repository, "tag": tag},
        data=tree,
        headers={"Content-Type": "application/x-tar"},
    ) as response:
        await response.read()


async def build(docker: aiodocker.Docker, image: str) -> None:
    """Imports busybox as a base, and builds the serving image on it."""
    content = files()
    base = f"{image}-base"
    tree = archive({"bin/busybox": content.pop("bin/busybox")}, APPLETS)
    await import_tree(docker, base, io.BytesIO(tree))
    recipe = f'FROM {base}\nCOPY service.sh main.sh /\nENTRYPOINT ["/main.sh"]\nCMD ["nothing"]\n'
    context = io.BytesIO(archive({**content, "Dockerfile": recipe.encode()}))
    await docker.images.build(fileobj=context, encoding="identity", tag=image)


@contextmanager
def _own_engine(directory: Path) -> Iterator[str]:
    path = directory / "docker.sock"
    log = directory / "dockerd.log"
    command = (
        "dockerd",
        f"--host=unix://{path}",
        f"--data-root={directory / 'data'}",
        f"--exec-root={directory / 'exec'}",
        f"--pidfile={directory / 'pid'}",
        # Ports are published by its proxy, so the firewall of the machine stays as it is.
        "--iptables=false",
        "--ip-masq=false",
    )
    with log.open("wb") as written:
        engine = subprocess.Popen(
            command, stdout=written, stderr=subprocess.STDOUT, preexec_fn=die_with_parent
        )
    try:
        _await(path, engine, log)
        yield f"unix://{path}"
    finally:
        engine.terminate()
        engine.wait()


def _await(path: Path, engine: "subprocess.Popen[bytes]", log: Path) -> None:
    give_up = time.monotonic() + _START_SECONDS
    while not _pings(str(path)):
        if engine.poll() is not None or time.monotonic() > give_up:
            pytest.fail(f"dockerd does not answer: {log.read_text()[-1000:]}")
        time.sleep(0.05)


def _pings(path: str) -> bool:
    with socket.socket(socket.AF_UNIX) as connection:
        connection.settimeout(2)
        try:
            connection.connect(path)
            connection.sendall(b"GET /_ping HTTP/1.0\r\n\r\n")
            return b" 200 " in connection.recv(100)
        except OSError:
            return False
