"""What the operator of a TGI server chooses when starting it."""

from dataclasses import dataclass
from typing import Any


@dataclass(frozen=True, slots=True)
class Settings:
    """Limits and identity of the served model, with TGI's own defaults.

    Lengths are in tokens, delays and intervals in seconds, the payload limit in bytes.
    """

    model_id: str = "mock/parrot-7b"
    pipeline_tag: str | None = "text-generation"
    version: str = "3.3.6"
    api_key: str | None = None
    payload_limit: int = 2_000_000
    max_concurrent_requests: int = 128
    max_best_of: int = 2
    max_stop_sequences: int = 4
    max_top_n_tokens: int = 5
    max_input_tokens: int = 4095
    max_total_tokens: int = 4096
    max_client_batch_size: int = 4
    chat_template: bool = True
    """Some models have none: a chat with them is an error."""
    seed: int = 0
    """Another seed is another model: the same prompt gets another answer."""
    first_token_delay: float = 0.0
    token_delay: float = 0.0
    keep_alive_interval: float = 15.0
    space_after_colon: bool = True
    """``data: {`` as since TGI 2.1, or ``data:{`` as before."""

    def as_info(self) -> dict[str, Any]:
        """Returns the answer of ``GET /info``."""
        return {
            "model_id": self.model_id,
            "model_sha": None,
            "model_pipeline_tag": self.pipeline_tag,
            "max_concurrent_requests": self.max_concurrent_requests,
            "max_best_of": self.max_best_of,
            "max_stop_sequences": self.max_stop_sequences,
            "max_input_tokens": self.max_input_tokens,
            "max_total_tokens": self.max_total_tokens,
            "validation_workers": 2,
            "max_client_batch_size": self.max_client_batch_size,
            "router": "text-generation-router",
            "version": self.version,
            "sha": None,
            "docker_label": None,
        }
