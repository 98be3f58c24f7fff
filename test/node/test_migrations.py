"""Tables are made and changed by migrations alone, all or nothing, on both databases."""

import sqlite3
from collections.abc import AsyncIterator
from pathlib import Path
from typing import Any

import pytest
from alembic import command
from alembic.autogenerate import compare_metadata
from alembic.config import Config
from alembic.migration import MigrationContext
from alembic.script import ScriptDirectory
from sqlalchemy import Connection, text

from infernet_node.chain import service
from infernet_node.store import commands, jobs, leases, migrations
from infernet_node.store.database import Database, StoreError, metadata
from test.support.postgres import schema_url

OWNERS = (service, jobs, leases, commands)
"""Imported so that every table of the node is registered."""


@pytest.fixture(params=["sqlite", "postgresql"])
async def url(request: pytest.FixtureRequest, tmp_path: Path) -> AsyncIterator[str]:
    if request.param == "sqlite":
        yield f"sqlite+aiosqlite:///{tmp_path}/node.sqlite"
    else:
        async with schema_url() as url:
            yield url


async def test_the_tables_are_those_that_the_code_uses(url: str) -> None:
    def difference(connection: Connection) -> list[Any]:
        context = MigrationContext.configure(
            connection, opts={"compare_type": True, "compare_server_default": True}
        )
        return list(compare_metadata(context, metadata))

    database = await Database.open(url)
    async with database.transaction() as connection:
        # Anything here wants a new file in store/migrations/versions.
        assert await connection.run_sync(difference) == []
    await database.close()


async def test_opening_again_keeps_what_is_there(url: str) -> None:
    for number in (1, 2):
        database = await Database.open(url)
        async with database.transaction() as connection:
            row = {"id": f"job-{number}", "no": False, "at": 1.0}
            await connection.execute(
                text(
                    "INSERT INTO jobs (id, owner, kind, status, containers, data, requires_proof,"
                    " results, attempts, created_at)"
                    " VALUES (:id, 'ip', 'job', 'running', '[]', '{}', :no, '[]', 1, :at)"
                ),
                row,
            )
            count = await connection.execute(text("SELECT count(*) FROM jobs"))
            assert count.scalar_one() == number
        await database.close()


async def test_a_newer_node_has_been_here(url: str) -> None:
    database = await Database.open(url)
    async with database.transaction() as connection:
        await connection.execute(text("UPDATE alembic_version SET version_num = '9999'"))
    await database.close()
    with pytest.raises(StoreError, match=r"a newer node \(step 9999\) has used it"):
        await Database.open(url)


async def test_half_a_migration_is_none(url: str, monkeypatch: pytest.MonkeyPatch) -> None:
    upgrade = command.upgrade

    def interrupted(config: Config, step: str) -> None:
        upgrade(config, step)
        raise OSError("power cut")

    with monkeypatch.context() as patch:
        patch.setattr(command, "upgrade", interrupted)
        with pytest.raises(StoreError, match="power cut"):
            await Database.open(url)
    # Were a table left, this would stumble over it.
    await (await Database.open(url)).close()


async def test_tables_that_no_migration_made(tmp_path: Path) -> None:
    with sqlite3.connect(tmp_path / "old.sqlite") as connection:
        connection.execute("CREATE TABLE jobs (id TEXT)")
    connection.close()
    with pytest.raises(StoreError, match="tables of an unreleased version"):
        await Database.open(f"sqlite+aiosqlite:///{tmp_path}/old.sqlite")


def test_the_newest_step_is_known() -> None:
    config = Config()
    config.set_main_option("script_location", str(Path(migrations.__file__).parent))
    assert ScriptDirectory.from_config(config).get_heads() == [migrations.HEAD]


async def test_a_damaged_file_is_not_used(tmp_path: Path) -> None:
    path = tmp_path / "node.sqlite"
    url = f"sqlite+aiosqlite:///{path}"
    await (await Database.open(url)).close()
    content = bytearray(path.read_bytes())
    content[8192:9000] = b"\xff" * 808  # a page of a table, behind the schema
    path.write_bytes(content)
    with pytest.raises(StoreError, match=r"damaged|malformed"):
        await Database.open(url)
