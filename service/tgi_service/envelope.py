"""The body of ``POST /service_output`` around the question itself."""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from infernet_protocol.messages import JobLocation
from tgi_service import strict_json
from tgi_service.errors import InvalidRequestError

NO_JSON = "Invalid method or data: Only POST supported with json data"
NO_PROOFS = "Proofs are not supported for TGI Client Inference Service"
_TRUE = frozenset({"1", "on", "t", "true", "y", "yes"})
_FALSE = frozenset({"0", "off", "f", "false", "n", "no"})


@dataclass(frozen=True, slots=True)
class Envelope:
    """Where a job comes from, where its answer goes, and its data, not yet looked at."""

    source: JobLocation
    destination: JobLocation
    data: Any


def read_envelope(body: bytes, *, is_json: bool) -> Envelope:
    """Reads a request body.

    Args:
        is_json: whether the content type says so.

    Raises:
        InvalidRequestError: if there is no job in it, or one that asks for a proof.
    """
    content = _read_json(body) if is_json and body.strip() else None
    if content is None or content == {}:
        raise InvalidRequestError(NO_JSON)
    if not isinstance(content, dict):
        raise InvalidRequestError("the body must be a JSON object")
    source = _location(content, "source")
    if source is JobLocation.STREAM:
        raise InvalidRequestError(f"Invalid InfernetInput source: {source:d}")
    destination = _location(content, "destination") if "destination" in content else source
    if "data" not in content:
        raise InvalidRequestError("data is missing")
    if _flag(content, "requires_proof"):
        raise InvalidRequestError(NO_PROOFS)
    return Envelope(source, destination, content["data"])


def _read_json(body: bytes) -> Any:
    try:
        return strict_json.loads(body.decode())
    except ValueError as error:
        raise InvalidRequestError(f"the body is not valid JSON: {error}") from None


def _location(content: Mapping[str, Any], name: str) -> JobLocation:
    if name not in content:
        raise InvalidRequestError(f"{name} is missing")
    value = content[name]
    for location in JobLocation:
        if type(value) in {int, str} and str(value) == str(location.value):
            return location
    raise InvalidRequestError(f"{name} must be 0 (on-chain), 1 (off-chain) or 2 (stream)")


def _flag(content: Mapping[str, Any], name: str) -> bool:
    value = content.get(name)
    text = str(value).lower() if isinstance(value, bool | int | str) else None
    if value is None or text in _FALSE:
        return False
    if text in _TRUE:
        return True
    raise InvalidRequestError(f"{name} must be true or false")
