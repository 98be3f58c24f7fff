"""``config.json``: what it may hold, how it is read, and what is said when it is wrong."""

from infernet_node.config.errors import ConfigError
from infernet_node.config.fleet import FleetConfig, Role
from infernet_node.config.loading import LoadedConfig, load_config, parse_config
from infernet_node.config.models import (
    ChainConfig,
    Config,
    ContainerConfig,
    ContainerTimeouts,
    DockerConfig,
    JobsConfig,
    LogConfig,
    RedisConfig,
    SnapshotSyncConfig,
    StoreConfig,
    WalletConfig,
)
from infernet_node.config.secrets import secrets_of
from infernet_node.config.server import ApiKeyConfig, RateLimitConfig, ServerConfig, TlsConfig

__all__ = [
    "ApiKeyConfig",
    "ChainConfig",
    "Config",
    "ConfigError",
    "ContainerConfig",
    "ContainerTimeouts",
    "DockerConfig",
    "FleetConfig",
    "JobsConfig",
    "LoadedConfig",
    "LogConfig",
    "RateLimitConfig",
    "RedisConfig",
    "Role",
    "ServerConfig",
    "SnapshotSyncConfig",
    "StoreConfig",
    "TlsConfig",
    "WalletConfig",
    "load_config",
    "parse_config",
    "secrets_of",
]
