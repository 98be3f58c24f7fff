"""The body of a streamed answer: the text of the tokens and nothing else."""

import errno
import time
from collections.abc import Callable, Iterator

from tgi_service.backend import StreamItem
from tgi_service.call import Call
from tgi_service.errors import CallerGoneError, InfernetMLException


class BrokenTransferError(ConnectionResetError):
    """Makes the web server close the connection without ending the body properly.

    It is the error that a vanished caller causes, which servers pass over in silence.
    """

    def __init__(self) -> None:
        super().__init__(errno.ECONNRESET, "the stream broke off")


class StreamBody(Iterator[bytes]):
    """Iterates over the UTF-8 text of tokens as they come; special ones are left out.

    The first item has arrived when this is created, so that an error before it can still be
    answered properly. An error after it breaks the transfer.

    Args:
        begin: told when there is text for the first time.
        finish: told the error that ended the stream, or ``None`` for a proper end.
    """

    def __init__(
        self,
        items: Iterator[StreamItem],
        call: Call,
        begin: Callable[[], None],
        finish: Callable[[BaseException | None], None],
    ) -> None:
        self._items = items
        self._call = call
        self._begin: Callable[[], None] | None = begin
        self._finish = finish
        self._first = self._fetch()

    def __next__(self) -> bytes:
        try:
            text = self._next_text()
        except Exception as error:
            if isinstance(error, InfernetMLException):
                self._call.failures.append(type(error).__name__)
            self._finish(error)
            raise BrokenTransferError from error
        if text is None:
            self._finish(None)
            raise StopIteration
        if self._begin is not None:
            self._begin()
            self._begin = None
        return text.encode()

    def close(self) -> None:
        """Ends the request to TGI; whoever calls this early has lost the caller."""
        close = getattr(self._items, "close", None)
        if close is not None:
            close()
        self._finish(CallerGoneError("the caller closed the connection"))

    def _next_text(self) -> str | None:
        """Returns the next piece of text, or ``None`` at the end; empty pieces are skipped."""
        while (item := self._take()) is not None:
            if item.details is not None:
                self._call.details = item.details
            if item.token.text and not item.token.special:
                return item.token.text
        return None

    def _take(self) -> StreamItem | None:
        first, self._first = self._first, None
        return first or self._fetch()

    def _fetch(self) -> StreamItem | None:
        started = time.monotonic()
        try:
            with self._call.current():
                return next(self._items, None)
        finally:
            self._call.tgi_seconds += time.monotonic() - started
