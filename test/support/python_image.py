"""A base image without a registry: this machine's Python, and what images are built with."""

import io
import os
import re
import shutil
import subprocess
import sys
import sysconfig
import tarfile
from collections.abc import Iterable, Iterator
from pathlib import Path

import aiodocker
import pytest

from test.support.real_docker import import_tree

ROOT = Path(__file__).parents[2]
WHEELS = "wheels"
"""Directory of the image that holds the packages of a lock, so that a build needs no network."""
_VERSION = f"python{sys.version_info.major}.{sys.version_info.minor}"
_TOOLS = ("sh", "mkdir", "useradd")
_LIBRARIES_OF_WHEELS = (
    *("libdl.so.2", "libgcc_s.so.1", "libm.so.6", "libpthread.so.0", "libresolv.so.2"),
    *("librt.so.1", "libstdc++.so.6", "libutil.so.1", "libz.so.1"),
)
"""What packages may expect of any Linux: PEP 513's list, as far as there is no display in it."""
_NOT_NEEDED = ("__pycache__", "*-packages", "config-*", "idlelib", "test", "tkinter", "_tkinter*")
_FILES = {
    "etc/passwd": "root:x:0:0:root:/root:/bin/sh\n",
    "etc/group": "root:x:0:\n",
    "etc/shadow": "root:*:19000:0:99999:7:::\n",
    "etc/nsswitch.conf": "hosts: files dns\n",
    "etc/login.defs": "UID_MIN 1000\nGID_MIN 1000\n",
}


def write_base(archive: Path, locks: Iterable[Path], directory: Path) -> None:
    """Writes the image's tree as a tar file, with the packages of some locks in it.

    Args:
        directory: an empty one, for the tree.
    """
    if sys.platform != "linux":
        pytest.skip("the base image is made of this machine's own files, which must be Linux's")
    _download(locks, directory / WHEELS)
    for name, text in _FILES.items():
        _place(directory, name).write_text(text)
    (directory / "tmp").mkdir(mode=0o1777)
    (directory / "tmp").chmod(0o1777)  # the process may take bits away from what it makes
    binaries = [*_python(directory), *_tools(directory)]
    for library in {*libraries_of(binaries), *_libraries_of_wheels()}:
        shutil.copy(library, _place(directory, str(library).lstrip("/")))
    with tarfile.open(archive, "w") as tar:
        tar.add(directory, "/")


async def build(
    docker_host: str, recipe: Path, lock: Path, name: str, directory: Path
) -> tuple[str, str]:
    """Builds an image as its recipe says, without a network.

    Args:
        directory: for what it is made of.

    Returns:
        The name, and that of the base that was made for it.
    """
    base = f"{name}-base"
    write_base(directory / "base.tar", [lock], directory / "tree")
    packed = io.BytesIO()
    with tarfile.open(fileobj=packed, mode="w") as tar:
        for file in (recipe, *context(recipe)):
            tar.add(file, str(file.relative_to(ROOT)))
    packed.seek(0)
    await import_base(docker_host, base, directory / "base.tar")
    async with aiodocker.Docker(url=docker_host) as docker:
        await docker.images.build(
            fileobj=packed,
            encoding="identity",
            path_dockerfile=str(recipe.relative_to(ROOT)),
            buildargs=offline(base),
            tag=name,
        )
    return name, base


async def import_base(docker_host: str, name: str, archive: Path) -> None:
    """Makes an image of a tree that :func:`write_base` wrote."""
    async with aiodocker.Docker(url=docker_host) as docker:
        with archive.open("rb") as tree:
            await import_tree(docker, name, tree)


def offline(base: str) -> dict[str, str]:
    """Returns the arguments of a build that has no network, by name."""
    return {"PYTHON_IMAGE": base, "PIP_NO_INDEX": "1", "PIP_FIND_LINKS": f"/{WHEELS}"}


async def delete(docker_host: str, *names: str) -> None:
    """Deletes images."""
    async with aiodocker.Docker(url=docker_host) as docker:
        for name in names:
            await docker.images.delete(name, force=True)


def context(recipe: Path) -> Iterator[Path]:
    """Yields the files that a build sees: those that its ``.dockerignore`` leaves.

    Read here because the builder of old engines, which is asked without the command line,
    does not read such a file. Only its form "everything but" is understood.
    """
    ignored, *patterns = (recipe.parent / f"{recipe.name}.dockerignore").read_text().split()
    assert ignored == "*"
    for pattern in patterns:
        if not pattern.startswith("!"):
            continue
        path = ROOT / pattern[1:]
        for file in path.rglob("*") if path.is_dir() else (path,):
            if file.is_file() and "__pycache__" not in file.parts:
                yield file


def _download(locks: Iterable[Path], directory: Path) -> None:
    """Fetches the packages, and what builds our own, with the machine's own pip."""
    for lock in locks:
        _pip_download(directory, "--require-hashes", "--requirement", str(lock))
    pins = re.findall(r"^[a-z0-9-]+==[^\s\\]+", (ROOT / "requirements/dev.lock").read_text(), re.M)
    _pip_download(directory, *(pin for pin in pins if pin.startswith("hatchling==")))


def _pip_download(directory: Path, *what: str) -> None:
    pip = (sys.executable, "-m", "pip", "download", "--only-binary", ":all:")
    done = subprocess.run([*pip, "--dest", directory, *what], capture_output=True, text=True)
    assert done.returncode == 0, done.stderr


def _python(tree: Path) -> Iterator[Path]:
    """Places the interpreter and its library; yields what in it may need shared libraries."""
    binary = Path(os.path.realpath(sys.executable))
    shutil.copy(binary, _place(tree, f"usr/local/bin/{_VERSION}"))
    for name in ("python", "python3"):
        (tree / "usr/local/bin" / name).symlink_to(_VERSION)
    library = tree / "usr/local/lib" / _VERSION
    shutil.copytree(
        sysconfig.get_path("stdlib"), library, ignore=shutil.ignore_patterns(*_NOT_NEEDED)
    )
    yield binary
    yield from (library / "lib-dynload").glob("*.so")


def _tools(tree: Path) -> Iterator[Path]:
    for name in _TOOLS:
        found = shutil.which(name, path="/bin:/usr/bin:/sbin:/usr/sbin")
        assert found is not None, f"no {name} on this machine"
        shutil.copy(found, _place(tree, f"bin/{name}"))
        yield Path(found)


def libraries_of(binaries: Iterable[Path]) -> set[Path]:
    """Returns the shared libraries of binaries, where the loader finds them."""
    found = set()
    for binary in binaries:
        needs = subprocess.run(["ldd", binary], check=True, capture_output=True, text=True)
        found |= set(map(Path, re.findall(r"(/\S+) \(0x", needs.stdout)))
    return found


def _libraries_of_wheels() -> Iterator[Path]:
    cache = subprocess.run(["/sbin/ldconfig", "-p"], check=True, capture_output=True, text=True)
    for name in _LIBRARIES_OF_WHEELS:
        yield Path(re.findall(rf"{re.escape(name)} \(.*\) => (/\S*64\S*)", cache.stdout)[0])


def _place(tree: Path, name: str) -> Path:
    """Returns a path in the tree whose directory exists, for all to read."""
    path = tree / name
    path.parent.mkdir(parents=True, exist_ok=True)
    return path
