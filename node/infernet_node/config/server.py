"""Keys of the REST interface."""

from typing import Any, Self

from pydantic import Field, SecretStr, field_validator, model_validator

from infernet_node.config.section import PositiveInt, Section
from infernet_node.config.types import KeyName, Network, Sha256
from infernet_node.problems import raise_problems


class RateLimitConfig(Section):
    """``num_requests`` per ``period`` seconds, for each route and each client."""

    num_requests: PositiveInt = 60
    """Requests; also the most at once."""
    period: PositiveInt = 60
    """Seconds."""


class ApiKeyConfig(Section):
    """A client that owns its jobs whatever address it comes from."""

    name: KeyName
    """Owner of the jobs: 1 to 48 letters, digits or any of ``. _ -``."""
    sha256: Sha256
    """Hash of the key; ``infernet-node new-api-key NAME`` makes both."""


class TlsConfig(Section):
    """Files in PEM form. They are read when the node starts."""

    certificate: str
    """The certificate, and those up to the root."""
    private_key: str
    """Without a passphrase."""


class ServerConfig(Section):
    """The REST interface."""

    port: int = Field(default=4000, ge=0, le=65535)
    """0 lets the system choose a free one."""
    rate_limit: RateLimitConfig = RateLimitConfig()
    host: str = "0.0.0.0"
    """Ours: address to listen on."""
    trusted_proxies: tuple[Network, ...] = ()
    """Ours: proxies whose ``X-Forwarded-For`` names the client."""
    max_body_bytes: PositiveInt = 16 * 2**20
    """Ours: longest request body."""
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
