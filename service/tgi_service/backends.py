"""Makes the backend that the operator has chosen."""

from collections.abc import Mapping, Sequence

from tgi_service.backend import Backend
from tgi_service.errors import ConfigurationError
from tgi_service.openai_backend import OpenAiBackend
from tgi_service.server_pool import ServerPool
from tgi_service.tgi_backend import TgiBackend
from tgi_service.transport import Transport

TGI, OPENAI = "tgi", "openai"
KINDS = (TGI, OPENAI)


def connect(
    server_urls: Sequence[str],
    *,
    timeout: float,
    headers: Mapping[str, str],
    cookies: Mapping[str, str],
    max_answer_bytes: int,
    kind: str = TGI,
    model: str | None = None,
) -> Backend:
    """Returns a backend for one server, or for several that take turns.

    Raises:
        ConfigurationError: if the kind is unknown, or lacks its model.
    """

    def one(server_url: str) -> Backend:
        transport = Transport(
            server_url,
            kind="TGI" if kind == TGI else "the OpenAI-compatible server",
            timeout=timeout,
            headers=headers,
            cookies=cookies,
            max_answer_bytes=max_answer_bytes,
        )
        match kind:
            case "tgi":
                return TgiBackend(server_url, transport)
            case "openai" if model:
                return OpenAiBackend(server_url, transport, model)
            case "openai":
                raise ConfigurationError(
                    "backend openai needs a model: the name under which the server knows it, "
                    "in TGI_INF_MODEL"
                )
            case _:
                raise ConfigurationError(f"backend must be one of {', '.join(KINDS)}")

    servers = [one(server_url) for server_url in server_urls]
    return servers[0] if len(servers) == 1 else ServerPool(servers)
