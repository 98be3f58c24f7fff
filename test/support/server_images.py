"""Images of PostgreSQL and NATS without a registry: this machine's own programs on a base."""

import io
import shutil
import subprocess
import tarfile
from pathlib import Path

import aiodocker
import pytest

from test.support.python_image import libraries_of

_POSTGRES = '''
"""Does with its three variables what the image of the PostgreSQL project does."""
import os, pathlib, subprocess
data, run = "/var/lib/postgresql/data", "/run/postgresql"
for each in (data, run):
    os.makedirs(each, mode=0o700, exist_ok=True)
    os.chown(each, 999, 999)
os.setgid(999)
os.setuid(999)
def program(name, *arguments):
    subprocess.run([f"BINARIES/{name}", *arguments], check=True)
user, database = os.environ["POSTGRES_USER"], os.environ["POSTGRES_DB"]
if not os.path.exists(f"{data}/PG_VERSION"):
    secret = pathlib.Path("/tmp/password")
    secret.write_text(os.environ["POSTGRES_PASSWORD"])
    program("initdb", "-D", data, "-U", user, f"--pwfile={secret}", "-E", "UTF8", "--locale=C",
            "--auth-local=trust", "--auth-host=scram-sha-256")
    with open(f"{data}/pg_hba.conf", "a") as access:
        access.write("host all all all scram-sha-256")
    # Meanwhile it answers on its socket alone.
    program("pg_ctl", "-D", data, "-w", "-o", f"-c listen_addresses= -k {run}", "start")
    program("psql", "-h", run, "-U", user, "-d", "postgres", "-c", f"CREATE DATABASE {database}")
    program("pg_ctl", "-D", data, "-w", "-m", "fast", "stop")
os.execv("BINARIES/postgres",
         ["postgres", "-D", data, "-k", run, "-c", "listen_addresses=*"])
'''


async def build_postgres(docker_host: str, base: str, name: str) -> None:
    """Builds an image that keeps its rows where the official one does, and is set up alike."""
    binaries = _required("postgres").parent
    files = [binaries / each for each in ("postgres", "initdb", "pg_ctl", "psql", "pg_isready")]
    libraries = _configured(binaries, "--pkglibdir")
    files += [libraries / each for each in ("dict_snowball.so", "plpgsql.so")]
    files.append(_configured(binaries, "--sharedir"))
    script = _POSTGRES.replace("BINARIES", str(binaries))
    recipe = (
        "RUN useradd --uid 999 --no-create-home --shell /bin/sh postgres\n"
        f'ENV PATH={binaries}:$PATH\nCOPY main.py /\nENTRYPOINT ["python", "/main.py"]\n'
    )
    await _build(docker_host, base, name, recipe, files, {"main.py": script})


async def build_nats(docker_host: str, base: str, name: str) -> None:
    """Builds an image that serves NATS."""
    server = _required("nats-server")
    await _build(docker_host, base, name, f'ENTRYPOINT ["{server}"]\n', [server], {})


def _required(program: str) -> Path:
    found = shutil.which(program)
    if found is None:
        pytest.skip(f"no {program} on this machine to make an image of")
    return Path(found).resolve()


def _configured(binaries: Path, what: str) -> Path:
    """Returns a directory that PostgreSQL was built with."""
    command = (str(binaries / "pg_config"), what)
    said = subprocess.run(command, check=True, capture_output=True, text=True)
    return Path(said.stdout.strip())


async def _build(
    docker_host: str,
    base: str,
    name: str,
    recipe: str,
    files: list[Path],
    texts: dict[str, str],
) -> None:
    """Builds an image with files of this machine, and their libraries, at their own places."""
    libraries = libraries_of(file for file in files if file.is_file())
    packed = io.BytesIO()
    with tarfile.open(fileobj=packed, mode="w", dereference=True) as tar:
        for file in (*files, *libraries):
            tar.add(file, f"root{file}")
        whole = {**texts, "Dockerfile": f"FROM {base}\nCOPY root /\n{recipe}"}
        for file_name, text in whole.items():
            entry = tarfile.TarInfo(file_name)
            entry.size = len(text.encode())
            tar.addfile(entry, io.BytesIO(text.encode()))
    packed.seek(0)
    async with aiodocker.Docker(url=docker_host) as docker:
        await docker.images.build(fileobj=packed, encoding="identity", tag=name)
