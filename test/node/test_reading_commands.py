"""``why`` and ``doctor`` look at a store, whoever else uses it, and leave it as it is."""

import asyncio
import json
from collections.abc import AsyncIterator
from pathlib import Path
from typing import Any

import pytest
from click.testing import CliRunner, Result
from sqlalchemy import text

from infernet_node.cli import main
from infernet_node.store.database import Database
from infernet_node.store.migrations import HEAD
from test.support.postgres import schema_url

WHY, DOCTOR = ("why", "17"), ("doctor",)
EARLIER = "0004"
NEWER = "9999"


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    """Where the file is, if it is one, and nothing else."""
    (folder := tmp_path / "store").mkdir()
    return folder


@pytest.fixture(params=["sqlite", "postgresql"])
async def url(request: pytest.FixtureRequest, folder: Path) -> AsyncIterator[str]:
    if request.param == "sqlite":
        yield f"sqlite+aiosqlite:///{folder / 'node.sqlite'}"
    else:
        async with schema_url() as url:
            yield url


async def said(command: tuple[str, ...], url: str, tmp_path: Path) -> Result:
    config = tmp_path / "config.json"
    config.write_text(json.dumps({"store": {"url": url}}))
    arguments = [command[0], "--config", str(config), *command[1:]]
    return await asyncio.to_thread(CliRunner().invoke, main, arguments)


def content(folder: Path) -> dict[str, bytes]:
    return {path.name: path.read_bytes() for path in folder.iterdir()}


async def executed(database: Database, statement: str) -> Any:
    async with database.transaction() as connection:
        return await connection.execute(text(statement))


async def used_by(step: str, url: str) -> Database:
    """The store as a node of another version has it open."""
    database = await Database.open(url)
    await executed(database, f"UPDATE alembic_version SET version_num = '{step}'")
    return database


async def test_a_file_that_is_missing_is_not_made(tmp_path: Path, folder: Path) -> None:
    url = f"sqlite+aiosqlite:///{folder / 'node.sqlite'}"
    expected = "there is none yet; infernet-node run makes it"

    why, doctor = await said(WHY, url, tmp_path), await said(DOCTOR, url, tmp_path)

    assert (why.exit_code, expected in why.output) == (1, True)
    assert (doctor.exit_code, expected in doctor.output) == (0, True)
    assert content(folder) == {}


async def test_a_store_that_no_node_has_used_stays_empty(
    url: str, tmp_path: Path, folder: Path
) -> None:
    (folder / "node.sqlite").touch()
    expected = "no node has used it yet; infernet-node run makes its tables"

    why, doctor = await said(WHY, url, tmp_path), await said(DOCTOR, url, tmp_path)

    assert (why.exit_code, expected in why.output) == (1, True)
    assert (doctor.exit_code, expected in doctor.output) == (0, True)
    # There is nothing to look at afterwards either.
    assert expected in (await said(WHY, url, tmp_path)).output
    assert (folder / "node.sqlite").stat().st_size == 0


async def test_tables_of_an_earlier_version_stay_so(url: str, tmp_path: Path) -> None:
    database = await used_by(EARLIER, url)
    expected = f"its tables are of an earlier version (step {EARLIER}, here {HEAD})"

    why, doctor = await said(WHY, url, tmp_path), await said(DOCTOR, url, tmp_path)

    assert (why.exit_code, expected in why.output) == (1, True)
    assert "use its infernet-node" in why.output
    assert (doctor.exit_code, expected in doctor.output) == (0, True)
    found = await executed(database, "SELECT version_num FROM alembic_version")
    assert found.scalars().all() == [EARLIER]
    await database.close()


async def test_tables_of_a_later_version_are_its_own_business(url: str, tmp_path: Path) -> None:
    database = await used_by(NEWER, url)
    expected = f"a newer node (step {NEWER}) has used it; run that version"

    for command in (WHY, DOCTOR):
        result = await said(command, url, tmp_path)
        assert (result.exit_code, expected in result.output) == (1, True)
    await database.close()


@pytest.mark.parametrize("running", [False, True])
async def test_a_file_is_left_as_it_is(tmp_path: Path, folder: Path, running: bool) -> None:
    url = f"sqlite+aiosqlite:///{folder / 'node.sqlite'}"
    node = await Database.open(url)
    if not running:
        await node.close()
    before = content(folder)

    why, doctor = await said(WHY, url, tmp_path), await said(DOCTOR, url, tmp_path)

    assert "subscription 17 is not known" in why.output
    assert "ok   store: can be opened" in doctor.output
    after = content(folder)
    assert after.keys() == before.keys()
    assert after["node.sqlite"] == before["node.sqlite"]
    if running:
        await executed(node, "DELETE FROM jobs")
        await node.close()


async def test_a_damaged_file_is_said_to_be_so(tmp_path: Path, folder: Path) -> None:
    url = f"sqlite+aiosqlite:///{folder / 'node.sqlite'}"
    await (await Database.open(url)).close()
    path = folder / "node.sqlite"
    damaged = bytearray(path.read_bytes())
    damaged[8192:9000] = b"\xff" * 808  # a page of a table, behind the schema
    path.write_bytes(damaged)

    for command in (WHY, DOCTOR):
        result = await said(command, url, tmp_path)
        assert result.exit_code == 1
        assert "damaged" in result.output or "malformed" in result.output
    assert path.read_bytes() == damaged
