"""Who a request comes from, and whose jobs that makes them."""

import hashlib
from collections.abc import Iterable
from dataclasses import dataclass

from infernet_node.api.errors import UnauthorizedError
from infernet_node.config import ApiKeyConfig

_SCHEME = "bearer "


@dataclass(frozen=True, slots=True)
class Caller:
    """An address, and the name of the API key if one was shown."""

    ip: str | None
    """``None`` if the transport has none."""
    key: str | None = None

    @property
    def owner(self) -> str | None:
        """Whose jobs the caller sees: those of the key, else those of the address."""
        return f"key:{self.key}" if self.key else self.ip


class ApiKeys:
    """Knows keys by their SHA-256 only."""

    def __init__(self, keys: Iterable[ApiKeyConfig]) -> None:
        self._names = {key.sha256: key.name for key in keys}

    def name_of(self, authorization: str | None) -> str | None:
        """Returns the name of the key in an ``Authorization`` header, ``None`` without one.

        Where no keys are configured the header means nothing here, as in nodes of version 1.4.

        Raises:
            UnauthorizedError: if it holds no key of the configuration.
        """
        if authorization is None or not self._names:
            return None
        # Comparing hashes takes the same time however much of a guess is right.
        if authorization[: len(_SCHEME)].lower() == _SCHEME:
            given = authorization[len(_SCHEME) :].strip().encode("latin-1")
            name = self._names.get(hashlib.sha256(given).hexdigest())
            if name:
                return name
        raise UnauthorizedError("API key is not known; send Authorization: Bearer <key>")
