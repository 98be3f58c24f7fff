"""Addresses to listen on, as given to ``--bind``."""

import re

from tgi_service.errors import ConfigurationError

DEFAULT_PORT = 3000
"""Port inside the container; the node publishes it under the one it is configured with."""
EVERY_ADDRESS = f"0.0.0.0:{DEFAULT_PORT}"
LOOPBACK = f"127.0.0.1:{DEFAULT_PORT}"
_HOST = r"\[[0-9A-Fa-f:.]+\]|[A-Za-z0-9._-]+"
_HOST_AND_PORT = re.compile(rf"({_HOST})?(?::(\d{{1,5}}))?")
_MAX_PORT = 65535


def read_address(text: str) -> str:
    """Returns an address in the form ``host:port``, ``unix:PATH`` or ``fd://N``.

    Nothing at all means every interface; a missing port is 3000.

    Raises:
        ConfigurationError: if the text is none of these.
    """
    text = text.strip()
    if re.fullmatch(r"unix:.+|fd://\d+", text):
        return text
    match = _HOST_AND_PORT.fullmatch(text)
    port = int(match[2] or DEFAULT_PORT) if match else -1
    if match is None or not 0 <= port <= _MAX_PORT:
        raise ConfigurationError(
            f"--bind must be host:port, host, unix:PATH or fd://N; it is {text!r}"
        )
    return f"{match[1] or '0.0.0.0'}:{port}"
