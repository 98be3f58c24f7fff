"""A schema of one's own in the PostgreSQL server of this machine."""

import os
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from uuid import uuid4

import asyncpg
import pytest

_ADDRESS = "127.0.0.1:5432/test"
_USERS = ("root", "postgres")


@asynccontextmanager
async def schema_url() -> AsyncIterator[str]:
    """Gives the URL of an empty schema, which is dropped afterwards.

    Without a server the test is skipped, except in CI, where there has to be one.
    """
    user, connection = await _connected()
    schema = f"test_{uuid4().hex}"
    try:
        await connection.execute(f"CREATE SCHEMA {schema}")
        yield f"postgresql+asyncpg://{user}@{_ADDRESS}?schema={schema}"
        await connection.execute(f"DROP SCHEMA {schema} CASCADE")
    finally:
        await connection.close()


async def _connected() -> tuple[str, asyncpg.Connection]:
    for user in _USERS:
        try:
            return user, await asyncpg.connect(f"postgresql://{user}@{_ADDRESS}", timeout=5)
        except (OSError, asyncpg.PostgresError) as error:
            reason = f"no PostgreSQL at {_ADDRESS}: {error}"
    if os.environ.get("CI") == "true":
        pytest.fail(reason)
    pytest.skip(reason)
