"""Request bodies, read the way TGI's web framework reads them."""

import json
from typing import Any

from flask import Request

from test.support.mock_tgi.parameters import WrongShapeError


class PlainRefusalError(Exception):
    """A refusal that is not JSON, because it comes from the framework TGI is written in."""

    def __init__(self, status: int, text: str) -> None:
        self.status = status
        self.text = text


def json_or_none(body: bytes) -> Any:
    """Returns the JSON value of a body, or ``None`` if there is none."""
    try:
        return json.loads(body)
    except (ValueError, RecursionError):
        return None


def json_body(request: Request) -> dict[str, Any]:
    """Returns the object in the body of a request.

    Raises:
        PlainRefusalError: if it is no JSON.
        WrongShapeError: if it is JSON but no object.
    """
    if not request.is_json:
        raise PlainRefusalError(415, "Expected request with `Content-Type: application/json`")
    try:
        body = json.loads(request.get_data())
        json.dumps(body, ensure_ascii=False).encode()  # a lone surrogate is no text to TGI
    except (ValueError, RecursionError) as error:
        raise PlainRefusalError(400, f"Failed to parse the request body as JSON: {error}") from None
    if not isinstance(body, dict):
        raise WrongShapeError("invalid type, expected a map")
    return body


def stream_wanted(body: dict[str, Any]) -> bool:
    """Returns the field ``stream``.

    Raises:
        WrongShapeError: if it is no boolean.
    """
    wanted = body.get("stream", False)
    if not isinstance(wanted, bool):
        raise WrongShapeError("stream: invalid type, expected a boolean")
    return wanted
