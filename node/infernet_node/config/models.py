"""Every key of ``config.json``, its type, its default and its limits.

Numbers and truth values are read leniently (``"3000"``, ``1e18``, ``"yes"``), text is not:
what nodes of version 1.4 read is read alike. Keys that those nodes did not have are marked
"ours"; leaving them out is always right.
"""

from typing import Annotated, Any, Literal, Self

from pydantic import (
    BaseModel,
    ConfigDict,
    Field,
    SecretStr,
    ValidationInfo,
    field_validator,
    model_validator,
)

from infernet_node.config.types import (
    Address,
    BaseUrl,
    KeyName,
    LowerAddress,
    Network,
    Sha256,
    checksum_address,
    hex_private_key,
    rpc_url,
)
from infernet_node.problems import raise_problems

Seconds = Annotated[float, Field(gt=0)]
Port = Annotated[int, Field(ge=1, le=65535)]
PositiveInt = Annotated[int, Field(ge=1)]
NaturalInt = Annotated[int, Field(ge=0)]


class _Section(BaseModel):
    model_config = ConfigDict(
        frozen=True, extra="ignore", hide_input_in_errors=True, allow_inf_nan=False
    )


class RateLimitConfig(_Section):
    """``num_requests`` per ``period`` seconds, for each route and each client."""

    num_requests: PositiveInt = 60
    period: PositiveInt = 60


class ApiKeyConfig(_Section):
    """A client that owns its jobs whatever address it comes from."""

    name: KeyName
    sha256: Sha256
    """Hash of the key; ``infernet-node new-api-key NAME`` makes both."""


class TlsConfig(_Section):
    """Files in PEM form. They are read when the node starts."""

    certificate: str
    """The certificate, and those up to the root."""
    private_key: str
    """Without a passphrase."""


class ServerConfig(_Section):
    """The REST interface."""

    port: int = Field(default=4000, ge=0, le=65535)
    """0 lets the system choose a free one."""
    rate_limit: RateLimitConfig = RateLimitConfig()
    host: str = "0.0.0.0"
    """Ours: address to listen on."""
    trusted_proxies: tuple[Network, ...] = ()
    """Ours: proxies whose ``X-Forwarded-For`` names the client."""
    max_body_bytes: PositiveInt = 16 * 2**20
    """Ours."""
    max_batch_size: PositiveInt = 1000
    """Ours: items of one ``POST /api/jobs/batch``."""
    status_allowed_ips: tuple[Network, ...] | None = None
    """Ours: who may ``PUT /api/status``; null is loopback, and in Docker the own network."""
    status_token: SecretStr | None = None
    """Ours: bearer token that ``PUT /api/status`` must carry as well."""
    api_keys: tuple[ApiKeyConfig, ...] = ()
    """Ours: clients known by ``Authorization: Bearer <key>`` instead of by their address."""
    require_api_key: bool = False
    """Ours: whether jobs are for holders of such a key only."""
    operator_ips: tuple[Network, ...] | None = None
    """Ours: whom ``/metrics`` answers and containers that are not external are shown to;
    null is loopback, and in Docker the own network."""
    max_followers: PositiveInt = 1000
    """Ours: clients that follow events of jobs at the same time."""
    tls: TlsConfig | None = None
    """Ours: HTTPS instead of HTTP."""

    @field_validator("api_keys", mode="before")
    @classmethod
    def _from_text(cls, value: Any) -> Any:
        """Reads the environment's form, ``name:sha256,name:sha256``."""
        if not isinstance(value, str):
            return value
        pairs = [pair.strip().partition(":") for pair in value.split(",") if pair.strip()]
        return [{"name": name, "sha256": digest} for name, _, digest in pairs]

    @model_validator(mode="after")
    def _keys_agree(self) -> Self:
        names = [key.name for key in self.api_keys]
        if twice := sorted({name for name in names if names.count(name) > 1}):
            raise_problems([("api_keys", f"must not name {twice[0]} twice")])
        if self.require_api_key and not self.api_keys:
            raise_problems([("require_api_key", "needs at least one key in api_keys")])
        return self


class JobsConfig(_Section):
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
    drain_timeout: float = Field(default=30.0, ge=0)
    """Seconds that running jobs get to finish when the node is told to stop."""

    @model_validator(mode="after")
    def _bounds_agree(self) -> Self:
        if self.max_running > self.max_pending:
            raise_problems([("max_running", "must not exceed max_pending")])
        return self


class RedisConfig(_Section):
    """Read for compatibility; results are kept in ``store``."""

    host: str = "redis"
    port: Port = 6379


class StoreConfig(_Section):
    """Ours: where rows are kept."""

    url: str | None = Field(default=None, repr=False)
    """SQLAlchemy URL; null is the SQLite file ``infernet_node.sqlite`` beside the log."""


class LogConfig(_Section):
    path: str = "infernet_node.log"
    """Relative to the working directory."""
    max_file_size: PositiveInt = 2**30
    """Bytes after which the file is rotated."""
    backup_count: NaturalInt = 2
    """Rotated files kept."""
    level: Literal["debug", "info", "warning", "error"] = "info"
    """Ours: the least important lines to write."""


class DockerConfig(_Section):
    """Credentials of the image registry. An empty password means: pull anonymously."""

    username: str
    password: SecretStr


class SnapshotSyncConfig(_Section):
    sleep: float = Field(default=1.0, ge=0)
    batch_size: PositiveInt = 500
    starting_sub_id: NaturalInt = 0
    """Subscriptions with a greater id are looked at."""
    sync_period: Seconds = 0.5


class WalletConfig(_Section):
    private_key: SecretStr | None = None
    """``0x`` and 64 hex digits once the chain is enabled."""
    payment_address: str | None = None
    """Wallet contract in EIP-55 form; ``None`` when nothing is to be earned or escrowed."""
    max_gas_limit: PositiveInt = 5_000_000
    allowed_sim_errors: tuple[str, ...] = ()
    """Parts of simulation errors to ignore, in any case."""

    @field_validator("private_key", "payment_address", mode="before")
    @classmethod
    def _empty_is_none(cls, value: Any) -> Any:
        return None if value == "" else value


class ChainConfig(_Section):
    enabled: bool = False
    rpc_url: str | None = Field(default=None, validate_default=True, repr=False)
    """One endpoint, or several separated by commas, the best first."""
    trail_head_blocks: NaturalInt = 1
    registry_address: str | None = Field(default=None, validate_default=True)
    """EIP-55 form once the chain is enabled."""
    wallet: WalletConfig | None = Field(default=None, validate_default=True)
    snapshot_sync: SnapshotSyncConfig = SnapshotSyncConfig()

    @property
    def rpc_urls(self) -> tuple[str, ...]:
        return tuple(url.strip() for url in (self.rpc_url or "").split(",") if url.strip())

    @field_validator("rpc_url")
    @classmethod
    def _usable_rpc(cls, value: str | None, info: ValidationInfo) -> str | None:
        if not info.data.get("enabled"):
            return value
        urls = [url.strip() for url in (value or "").split(",") if url.strip()]
        if not urls:
            raise ValueError("rpc_url must be defined when chain is enabled")
        return ",".join(rpc_url(url) for url in urls)

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
        if value is None:
            raise ValueError("wallet must be defined when chain is enabled")
        return _checked_wallet(value)


def _checked_wallet(wallet: WalletConfig) -> WalletConfig:
    problems: list[tuple[str, str]] = []
    usable: dict[str, Any] = {}
    if wallet.private_key is None:
        problems.append(
            (
                "private_key",
                "private_key must be defined when chain is enabled, "
                "here or in INFERNET_PRIVATE_KEY or INFERNET_PRIVATE_KEY_FILE",
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


class ContainerTimeouts(_Section):
    """Ours: how long one container is waited for, in seconds."""

    connect: Seconds = 10.0
    answer: Seconds = 180.0
    """From the request to the whole answer."""
    stream_idle: Seconds = 60.0
    """Between two pieces of a stream."""
    stream: Seconds = 180.0
    """From the request to the end of a stream."""


class ContainerConfig(_Section):
    id: str = Field(min_length=1)
    image: str = ""
    url: BaseUrl = ""
    """Base URL of a container that already runs; such a one is never managed."""
    bearer: SecretStr = SecretStr("")
    port: Port = 3000
    external: bool = True
    """Whether a caller may name it first."""
    gpu: bool = False
    accepted_payments: dict[Address, NaturalInt] = {}
    """Token (zero address: native coin) to least amount; empty: anything goes."""
    allowed_ips: tuple[Network, ...] = ()
    allowed_addresses: tuple[LowerAddress, ...] = ()
    allowed_delegate_addresses: tuple[LowerAddress, ...] = ()
    description: str = ""
    command: str = ""
    env: dict[str, Any] = Field(default={}, repr=False)
    generates_proofs: bool = False
    volumes: tuple[str, ...] = ()
    timeouts: ContainerTimeouts = ContainerTimeouts()

    @field_validator("id")
    @classmethod
    def _no_comma(cls, value: str) -> str:
        if "," in value:
            raise ValueError("must not contain a comma, which separates ids on chain")
        return value


class Config(_Section):
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

    @property
    def managed_containers(self) -> tuple[ContainerConfig, ...]:
        """Those the node has to start itself."""
        if not self.manage_containers:
            return ()
        return tuple(container for container in self.containers if not container.url)

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
            if managed and not container.image and not container.url:
                problems.append(
                    (
                        f"[{index}].image",
                        "image must be defined when manage_containers is set to true; "
                        "or give the url of a running container",
                    )
                )
        raise_problems(problems)
        return value
