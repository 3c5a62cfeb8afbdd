"""Types whose values are handles (connections, clients, locks): only their type counts in a key."""

from __future__ import annotations

from functools import lru_cache
from typing import Final

IGNORED: Final = frozenset(
    {
        # Waiting for each other.
        "_thread:lock",
        "_thread:RLock",
        "_thread:_local",
        "threading:_RLock",
        "threading:Condition",
        "threading:Semaphore",
        "threading:Event",
        "threading:Barrier",
        "threading:Thread",
        "_threading_local:local",
        "multiprocessing.synchronize:SemLock",
        "multiprocessing.synchronize:Condition",
        "multiprocessing.synchronize:Event",
        "multiprocessing.pool:Pool",
        "multiprocessing.process:BaseProcess",
        "asyncio.locks:Lock",
        "asyncio.locks:Event",
        "asyncio.locks:Condition",
        "asyncio.locks:Semaphore",
        "asyncio.events:AbstractEventLoop",
        "concurrent.futures._base:Executor",
        "filelock._api:BaseFileLock",
        # Telling somebody.
        "logging:Filterer",
        "logging:LoggerAdapter",
        "rich.console:Console",
        # Connections.
        "_socket:socket",
        "_ssl:_SSLContext",
        "_ssl:_SSLSocket",
        "sqlite3:Connection",
        "sqlite3:Cursor",
        "http.client:HTTPConnection",
        "urllib.request:OpenerDirector",
        "urllib3.poolmanager:PoolManager",
        "requests.sessions:Session",
        "httpx:Client",
        "httpx:AsyncClient",
        "httpx._client:BaseClient",
        "aiohttp.client:ClientSession",
        "sqlalchemy.engine.base:Engine",
        "sqlalchemy.engine.base:Connection",
        "sqlalchemy.orm.session:Session",
        "sqlalchemy.orm.session:sessionmaker",
        "sqlalchemy.orm.scoping:scoped_session",
        "sqlalchemy.ext.asyncio.engine:AsyncEngine",
        "sqlalchemy.ext.asyncio.engine:AsyncConnection",
        "sqlalchemy.ext.asyncio.session:AsyncSession",
        "sqlalchemy.ext.asyncio.session:async_sessionmaker",
        "duckdb:DuckDBPyConnection",
        "_duckdb:DuckDBPyConnection",
        "psycopg:BaseConnection",
        "psycopg._connection_base:BaseConnection",
        "psycopg2.extensions:connection",
        "asyncpg.connection:Connection",
        "pymysql.connections:Connection",
        "pymongo.synchronous.mongo_client:MongoClient",
        "pymongo.mongo_client:MongoClient",
        "redis.client:Redis",
        "redis.asyncio.client:Redis",
        "boto3.session:Session",
        "boto3.resources.base:ServiceResource",
        "botocore.client:BaseClient",
        "botocore.session:Session",
        "google.cloud.client:Client",
        "snowflake.connector.connection:SnowflakeConnection",
        "paramiko.client:SSHClient",
        "distributed.client:Client",
    }
)


@lru_cache(maxsize=16)
def resolved(names: frozenset[str], /) -> frozenset[str]:
    """Returns the list with the names that a setting adds, without those that it gives with a hyphen."""
    added = frozenset(name for name in names if not name.startswith("-"))
    return (IGNORED | added) - {name[1:] for name in names if name.startswith("-")}
