"""The format of a node's stream: a line with the job id, then the container's bytes."""

import codecs
from collections.abc import AsyncGenerator, AsyncIterator
from contextlib import aclosing

from infernet_client.error import StreamError

MAX_ID_BYTES = 1024
"""No job id is longer; what is, is no id."""


async def id_then_bytes(chunks: AsyncIterator[bytes]) -> AsyncGenerator[str | bytes, None]:
    """Yields the job id as text, then the rest as chunks of bytes, none of them empty.

    The chunks of the network say nothing about the format: the id ends at the first
    newline, wherever that lies.

    Raises:
        StreamError: if the first newline does not come within :data:`MAX_ID_BYTES`.
    """
    head = b""
    async for chunk in chunks:
        head += chunk
        line, newline, rest = head.partition(b"\n")
        if newline:
            yield _job_id(line)
            if rest:
                yield rest
            break
        if len(head) > MAX_ID_BYTES:
            raise StreamError(f"the stream has no job id in its first {MAX_ID_BYTES} bytes")
    else:
        raise StreamError("the stream ended before the line with the job id was complete")
    async for chunk in chunks:
        if chunk:
            yield chunk


async def text_of(pieces: AsyncGenerator[str | bytes, None]) -> AsyncGenerator[str, None]:
    """Yields the bytes among the pieces as UTF-8 text, and closes the pieces at its end.

    A character cut in two is put together. Bytes that are no UTF-8 become U+FFFD, as does a
    character that the end cuts off.
    """
    decoder = codecs.getincrementaldecoder("utf-8")(errors="replace")
    async with aclosing(pieces):
        async for piece in pieces:
            if isinstance(piece, bytes) and (text := decoder.decode(piece)):
                yield text
    if text := decoder.decode(b"", final=True):
        yield text


def _job_id(line: bytes) -> str:
    try:
        job_id = line.decode("ascii").strip()
    except UnicodeDecodeError:
        job_id = ""
    if not job_id:
        raise StreamError("the first line of the stream is not a job id")
    return job_id
