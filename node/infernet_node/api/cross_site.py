"""Requests that a page of another site makes in somebody's browser.

Operators are known by their address, and whatever page their browser shows sends from that
address too. Browsers say which page it is: `Fetch Metadata <https://www.w3.org/TR/fetch-metadata/>`_
where the node is reached by TLS or on loopback, `Origin <https://www.rfc-editor.org/rfc/rfc6454>`_
with every POST and PUT of theirs. What is no browser sends neither.
"""

from collections.abc import Mapping
from urllib.parse import urlsplit

from infernet_node.api.errors import ForbiddenError

_OWN = ("same-origin", "none")
"""A page of the node itself, and what a person opens without any page."""


def refuse_other_sites(headers: Mapping[str, str]) -> None:
    """Lets pass what a command line sends, and pages from the node's own address.

    Args:
        headers: of a request that changes something, by names in lower case.

    Raises:
        ForbiddenError: if another site's page sent it.
    """
    site = headers.get("sec-fetch-site")
    if site is not None:
        # The origin need not be looked at: proxies may have changed Host, no page can change this.
        if site.lower() not in _OWN:
            raise _refusal("Sec-Fetch-Site")
    elif "origin" in headers and not _is_host(headers["origin"], headers.get("host", "")):
        raise _refusal("Origin")


def _is_host(origin: str, host: str) -> bool:
    """Whether an origin, its scheme left out, is the host that was asked; ``null`` is none.

    The scheme says nothing, since a proxy may have taken the TLS off.
    """
    try:
        return urlsplit(origin).netloc.lower() == host.lower() != ""
    except ValueError:
        return False


def _refusal(header: str) -> ForbiddenError:
    return ForbiddenError(
        f"Cross-site request: by its {header} it comes from a page of another site, which may "
        "not do this; send it from a command line, or a page of this node's own address"
    )
