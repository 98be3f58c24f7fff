"""What SQLite is told behind the node's back."""

import sqlite3

from infernet_node.store.database import Database


async def limit_parameters(database: Database, most: int) -> None:
    """Has a statement with more parameters than this refused, as builds with a low limit do.

    Transactions of :meth:`Database.transaction` alone; others have their own connection.
    """
    async with database.transaction() as connection:
        # Another thread than the driver's own may not touch it.
        driver = (await connection.get_raw_connection()).driver_connection
        assert driver is not None
        await driver._execute(driver._conn.setlimit, sqlite3.SQLITE_LIMIT_VARIABLE_NUMBER, most)
