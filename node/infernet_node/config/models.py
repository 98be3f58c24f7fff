"""Every key of ``config.json``, its type, its default and its limits.

Numbers and truth values are read leniently (``"3000"``, ``1e18``, ``"yes"``), text is not:
what nodes of version 1.4 read is read alike. Keys that those nodes did not have are marked
"ours"; leaving them out is always right.
"""

import shlex
from pathlib import Path
from typing import Any, Literal, Self

from pydantic import (
    Field,
    SecretStr,
    ValidationInfo,
    field_validator,
    model_validator,
)

from infernet_node.config.fleet import FleetConfig, Role
from infernet_node.config.section import NaturalInt, Port, PositiveInt, Seconds, Section
from infernet_node.config.server import ServerConfig
from infernet_node.config.types import (
    WS_SCHEMES,
    Address,
    BaseUrl,
    LowerAddress,
    Network,
    StoreUrl,
    checksum_address,
    hex_private_key,
    rpc_url,
)
from infernet_node.problems import raise_problems

_STORE_FILE = "infernet_node.sqlite"


class JobsConfig(Section):
    """Ours: how much work is taken on, and how long results are kept."""

    max_running: PositiveInt = 256
    """Jobs in their containers at the same time; more wait."""
    max_pending: PositiveInt = 4096
    """Jobs waiting or running; more are answered 503."""
    max_pending_bytes: PositiveInt = 256 * 2**20
    """Request data of all pending jobs."""
    max_containers: PositiveInt = 16
    """Containers in one job."""
    max_answer_bytes: PositiveInt = 16 * 2**20
    """Answer of one container."""
    max_attempts: PositiveInt = 3
    """Starts of a job that the end of the node interrupted."""
    retention: Seconds = 7 * 86400.0
    """Seconds that a finished job is kept."""
    max_finished: PositiveInt = 1_000_000
    """Finished jobs kept; the oldest go first."""
    health_check_period: float = Field(default=10.0, ge=0)
    """Seconds between two looks whether a container that somebody else runs takes connections;
    three in vain, and it gets no jobs. 0: never."""
    drain_timeout: float = Field(default=30.0, ge=0)
    """Seconds that running jobs get to finish when the node is told to stop."""

    @model_validator(mode="after")
    def _bounds_agree(self) -> Self:
        if self.max_running > self.max_pending:
            raise_problems([("max_running", "must not exceed max_pending")])
        return self


class RedisConfig(Section):
    """Read for compatibility; results are kept in ``store``."""

    host: str = "redis"
    """Without effect."""
    port: Port = 6379
    """Without effect."""


class StoreConfig(Section):
    """Ours: where rows are kept."""

    url: StoreUrl | None = Field(default=None, repr=False)
    """SQLAlchemy URL; null is the SQLite file ``infernet_node.sqlite`` beside the log."""


class LogConfig(Section):
    path: str = "infernet_node.log"
    """Relative to the working directory."""
    max_file_size: PositiveInt = 2**30
    """Bytes after which the file is rotated."""
    backup_count: NaturalInt = 2
    """Rotated files kept."""
    level: Literal["debug", "info", "warning", "error"] = "info"
    """Ours: the least important lines to write."""
    containers: bool = True
    """Ours: whether what Docker containers print goes into the log: 200 lines a second at most."""


class DockerConfig(Section):
    """Credentials of the image registry. An empty password means: pull anonymously."""

    username: str
    """Account at the registry."""
    password: SecretStr
    """Better in ``INFERNET_DOCKER_PASSWORD``."""


class SnapshotSyncConfig(Section):
    sleep: float = Field(default=1.0, ge=0)
    """Seconds between two batches when many subscriptions are read at once."""
    batch_size: PositiveInt = 500
    """Subscriptions read with one call."""
    starting_sub_id: NaturalInt = 0
    """Subscriptions with a greater id are looked at."""
    sync_period: Seconds = 0.5
    """Seconds between two looks for a new block."""


class WalletConfig(Section):
    private_key: SecretStr | None = None
    """``0x`` and 64 hex digits once the chain is enabled."""
    keystore: str | None = None
    """Ours: path of an encrypted V3 keystore, read when there is no ``private_key``."""
    password_file: str | None = None
    """Ours: path of a file with the password of ``keystore``."""
    payment_address: str | None = None
    """Wallet contract in EIP-55 form; ``None`` when nothing is to be earned or escrowed."""
    max_gas_limit: PositiveInt = 5_000_000
    """Most gas of one transaction; what needs more is not sent."""
    max_fee_gwei: float = Field(default=1000.0, gt=0, allow_inf_nan=False)
    """Ours: most that is paid for one unit of gas, tip included; no price goes above it."""
    allowed_sim_errors: tuple[str, ...] = ()
    """Parts of simulation errors to ignore, in any case."""

    @field_validator("private_key", "payment_address", mode="before")
    @classmethod
    def _empty_is_none(cls, value: Any) -> Any:
        return None if value == "" else value


class ChainConfig(Section):
    enabled: bool = False
    """Whether requests of the chain are answered."""
    rpc_url: str | None = Field(default=None, validate_default=True, repr=False)
    """One endpoint, or several separated by commas, the best first."""
    ws_url: str | None = Field(default=None, validate_default=True, repr=False)
    """Ours: WebSocket that tells of new blocks, or several separated by commas; without it those
    in ``rpc_url``. What happened is read from ``rpc_url`` all the same."""
    trail_head_blocks: NaturalInt = 1
    """Blocks behind the head at which subscriptions are looked for."""
    registry_address: str | None = Field(default=None, validate_default=True)
    """EIP-55 form once the chain is enabled."""
    wallet: WalletConfig | None = Field(default=None, validate_default=True)
    snapshot_sync: SnapshotSyncConfig = SnapshotSyncConfig()

    @property
    def rpc_urls(self) -> tuple[str, ...]:
        return _urls_in(self.rpc_url)

    @property
    def ws_urls(self) -> tuple[str, ...]:
        """Endpoints that tell of new blocks."""
        return _urls_in(self.ws_url) or tuple(
            url for url in self.rpc_urls if url.startswith(WS_SCHEMES)
        )

    @field_validator("rpc_url")
    @classmethod
    def _usable_rpc(cls, value: str | None, info: ValidationInfo) -> str | None:
        if not info.data.get("enabled"):
            return value
        urls = _urls_in(value)
        if not urls:
            raise ValueError("rpc_url must be defined when chain is enabled")
        return ",".join(rpc_url(url) for url in urls)

    @field_validator("ws_url")
    @classmethod
    def _usable_ws(cls, value: str | None, info: ValidationInfo) -> str | None:
        urls = _urls_in(value)
        if not info.data.get("enabled") or not urls:
            return value
        if not all(rpc_url(url).startswith(WS_SCHEMES) for url in urls):
            raise ValueError("must be a URL such as ws://localhost:8545 (ws or wss)")
        return ",".join(urls)

    @field_validator("registry_address")
    @classmethod
    def _usable_registry(cls, value: str | None, info: ValidationInfo) -> str | None:
        if not info.data.get("enabled"):
            return value
        if not value:
            raise ValueError("registry_address must be defined when chain is enabled")
        return checksum_address(value)

    @field_validator("wallet")
    @classmethod
    def _usable_wallet(
        cls, value: WalletConfig | None, info: ValidationInfo
    ) -> WalletConfig | None:
        if not info.data.get("enabled"):
            return value
        role: Role | None = (info.context or {}).get("role", Role.RUN)
        needs_key = role is not None and role.sends
        if value is None and needs_key:
            raise ValueError("wallet must be defined when chain is enabled")
        return value and _checked_wallet(value, needs_key=needs_key)


def _urls_in(text: str | None) -> tuple[str, ...]:
    return tuple(url.strip() for url in (text or "").split(",") if url.strip())


def _checked_wallet(wallet: WalletConfig, *, needs_key: bool) -> WalletConfig:
    problems: list[tuple[str, str]] = []
    usable: dict[str, Any] = {}
    if not needs_key:
        # What a process has no use for, it does not hold.
        usable["private_key"] = None
    elif wallet.private_key is None:
        problems.append(
            (
                "private_key",
                "private_key must be defined when chain is enabled, "
                "here, in INFERNET_PRIVATE_KEY or INFERNET_PRIVATE_KEY_FILE, or in a keystore",
            )
        )
    else:
        try:
            key = hex_private_key(wallet.private_key.get_secret_value())
            usable["private_key"] = SecretStr(key)
        except ValueError as error:
            problems.append(("private_key", str(error)))
    if wallet.payment_address is not None:
        try:
            usable["payment_address"] = checksum_address(wallet.payment_address)
        except ValueError as error:
            problems.append(("payment_address", str(error)))
    raise_problems(problems)
    return wallet.model_copy(update=usable)


class ContainerTimeouts(Section):
    """Ours: how long one container is waited for, in seconds."""

    connect: Seconds = 10.0
    """Until the connection stands."""
    answer: Seconds = 180.0
    """From the request to the whole answer."""
    stream_idle: Seconds = 60.0
    """Between two pieces of a stream."""
    stream: Seconds = 180.0
    """From the request to the end of a stream."""


class ContainerConfig(Section):
    id: str = Field(min_length=1)
    """Name in requests and on the chain, and of the Docker container. Without comma."""
    image: str = ""
    """Docker image; needed unless there is a ``url`` or ``process``."""
    url: BaseUrl = ""
    """Base URL of a container that already runs; such a one is never managed."""
    bearer: SecretStr = SecretStr("")
    """Token sent to the container; better in ``INFERNET_BEARER_<ID>``."""
    port: Port = 3000
    """Host port under which the container's port 3000 is reached."""
    external: bool = True
    """Whether a caller may name it first."""
    gpu: bool = False
    """Gives the container all GPUs."""
    accepted_payments: dict[Address, NaturalInt] = Field(default={})
    """Token (zero address: native coin) to least amount; empty: anything goes."""
    allowed_ips: tuple[Network, ...] = ()
    """Addresses and networks that may use the container over REST; empty: all."""
    allowed_addresses: tuple[LowerAddress, ...] = ()
    """Owners of subscriptions on the chain that may use it; empty: all."""
    allowed_delegate_addresses: tuple[LowerAddress, ...] = ()
    """Owners of delegated subscriptions that may use it; empty: all."""
    description: str = ""
    """Shown in ``/info``."""
    command: str = ""
    """Arguments of the Docker container; empty: those of the image."""
    process: str = ""
    """Ours: line that starts a process of this machine instead of a container, for development
    without Docker. ``{port}`` in it stands for the port."""
    env: dict[str, Any] = Field(default={}, repr=False)
    """Environment of the container."""
    generates_proofs: bool = False
    """Whether it may be last where a proof is asked for."""
    volumes: tuple[str, ...] = ()
    """``host:container[:mode]``."""
    timeouts: ContainerTimeouts = ContainerTimeouts()

    @field_validator("command", "process")
    @classmethod
    def _command_line(cls, value: str, info: ValidationInfo) -> str:
        try:
            words = shlex.split(value)
        except ValueError as error:
            raise ValueError(f"must be a command line: {error}") from None
        if info.field_name == "process" and value and not words:
            raise ValueError("must name a program, or be left out")
        return value

    @field_validator("id")
    @classmethod
    def _no_comma(cls, value: str) -> str:
        if "," in value:
            raise ValueError("must not contain a comma, which separates ids on chain")
        return value


class Config(Section):
    """The whole of ``config.json``."""

    manage_containers: bool = True
    """Whether containers without ``url`` are started through Docker."""
    containers: tuple[ContainerConfig, ...] = ()
    startup_wait: float = Field(default=5.0, ge=0)
    """Seconds after which a managed container that does not answer is worth a warning."""
    publish_on: str | None = None
    """Ours: address of the host on which ports of managed containers are opened; null is
    loopback, and from within Docker the host's address in Docker's default network."""
    forward_stats: bool = False
    """Read for compatibility; nothing is sent."""
    docker: DockerConfig | None = None
    redis: RedisConfig = RedisConfig()
    log: LogConfig = LogConfig()
    server: ServerConfig = ServerConfig()
    chain: ChainConfig = ChainConfig()
    store: StoreConfig = StoreConfig()
    jobs: JobsConfig = JobsConfig()
    fleet: FleetConfig = FleetConfig()

    @property
    def store_url(self) -> str:
        """SQLAlchemy URL of the node's rows."""
        beside_the_log = Path(self.log.path).parent / _STORE_FILE
        return self.store.url or f"sqlite+aiosqlite:///{beside_the_log}"

    @property
    def store_is_shared(self) -> bool:
        """Whether other processes, of this machine or of others, may use the same rows."""
        return not self.store_url.startswith("sqlite")

    @property
    def managed_containers(self) -> tuple[ContainerConfig, ...]:
        """Those the node has to start through Docker."""
        if not self.manage_containers:
            return ()
        return tuple(c for c in self.containers if not c.url and not c.process)

    @property
    def foreign_containers(self) -> tuple[ContainerConfig, ...]:
        """Those that somebody else starts."""
        ours = {container.id for container in (*self.managed_containers, *self.local_containers)}
        return tuple(container for container in self.containers if container.id not in ours)

    @property
    def local_containers(self) -> tuple[ContainerConfig, ...]:
        """Those the node has to start as processes of this machine."""
        return tuple(c for c in self.containers if c.process and not c.url)

    @field_validator("containers")
    @classmethod
    def _distinct_and_startable(
        cls, value: tuple[ContainerConfig, ...], info: ValidationInfo
    ) -> tuple[ContainerConfig, ...]:
        managed = info.data.get("manage_containers", False)
        problems: list[tuple[str, str]] = []
        first_with: dict[str, int] = {}
        for index, container in enumerate(value):
            first = first_with.setdefault(container.id, index)
            if first != index:
                problems.append((f"[{index}].id", f"is already the id of containers[{first}]"))
            elsewhere = container.url or container.process
            if managed and not container.image and not elsewhere:
                problems.append(
                    (
                        f"[{index}].image",
                        "image must be defined when manage_containers is set to true; "
                        "or give the url of a running container",
                    )
                )
        raise_problems(problems)
        return value
