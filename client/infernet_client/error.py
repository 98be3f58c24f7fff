"""What this package raises by itself, beside ``TimeoutError`` and aiohttp's errors."""

from collections.abc import Mapping
from typing import Any, ClassVar


class InfernetError(Exception):
    """Root of the package's errors."""

    code: ClassVar[str] = "infernet_error"
    """Stable name for programs: the text may change, this does not."""


class APIError(InfernetError):
    """A node or router refused a request, or answered something unreadable."""

    code = "api_error"

    def __init__(
        self,
        status_code: int,
        message: str = "Error occurred in API call",
        params: Mapping[str, Any] | None = None,
        *,
        retry_after: float | None = None,
    ) -> None:
        """Keeps the parts of a refusal.

        Args:
            status_code: HTTP status.
            message: the ``error`` of the body.
            params: the ``params`` of the body: what the message is about.
            retry_after: seconds to wait before asking again, if the server named any.
        """
        self.status_code = status_code
        self.message = message
        self.params: dict[str, Any] = dict(params or {})
        self.retry_after = retry_after
        super().__init__(status_code, message, self.params)

    @property
    def status(self) -> int:
        """The HTTP status under the name that aiohttp's errors use."""
        return self.status_code

    def __str__(self) -> str:
        text = f"[{self.status_code}] {self.message}"
        if not self.params:
            return text
        return text + " - [" + ", ".join(f"{k}={v}" for k, v in self.params.items()) + "]"


class StreamError(InfernetError):
    """A stream did not begin with a line that holds the job id."""

    code = "stream_error"


class JobNotFoundError(InfernetError):
    """The node does not know a job, or not for this caller."""

    code = "job_not_found"

    def __init__(self, job_id: str) -> None:
        self.job_id = job_id
        super().__init__(job_id)

    def __str__(self) -> str:
        return f"Job not found: {self.job_id}"


class ParameterError(InfernetError, ValueError):
    """A value was refused before anything was sent."""

    code = "parameter_error"

    def __init__(self, field: str, problem: str) -> None:
        """Names the field and what is wrong with it; the problem must not quote a secret."""
        self.field = field
        self.problem = problem
        super().__init__(field, problem)

    def __str__(self) -> str:
        return f"{self.field}: {self.problem}"


class RpcError(InfernetError, ConnectionError):
    """An Ethereum endpoint did not answer a call, or answered with an error."""

    code = "rpc_error"


class TransactionFailedError(InfernetError):
    """A transaction was refused, or was mined and reverted."""

    code = "transaction_failed"

    def __init__(self, action: str, reason: str, tx_hash: str | None = None) -> None:
        """Keeps what was tried.

        Args:
            action: the call, e.g. ``"approve"``.
            reason: name of the contract's error, or the endpoint's words.
            tx_hash: with ``0x``, once the transaction was sent.
        """
        self.action = action
        self.reason = reason
        self.tx_hash = tx_hash
        super().__init__(action, reason, tx_hash)

    def __str__(self) -> str:
        where = f" (tx {self.tx_hash})" if self.tx_hash else ""
        return f"{self.action} failed: {self.reason}{where}"


class AllowanceMismatchError(InfernetError):
    """After an approval the wallet does not show the amount that was approved."""

    code = "allowance_mismatch"

    def __init__(self, spender: str, expected: int, actual: int) -> None:
        self.spender = spender
        self.expected = expected
        self.actual = actual
        super().__init__(spender, expected, actual)

    def __str__(self) -> str:
        return (
            f"the allowance of {self.spender} is {self.actual} after approving {self.expected}: "
            "another approval or a spending came between; read it again and repeat if needed"
        )


class WalletNotCreatedError(InfernetError):
    """The factory's receipt holds no ``WalletCreated`` event."""

    code = "wallet_not_created"

    def __init__(self, factory: str, tx_hash: str) -> None:
        self.factory = factory
        self.tx_hash = tx_hash
        super().__init__(factory, tx_hash)

    def __str__(self) -> str:
        return f"{self.factory} created no wallet (tx {self.tx_hash}): is it a WalletFactory?"
