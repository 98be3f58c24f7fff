"""What a workflow asks for text: the interface, and what comes back through it."""

from collections.abc import Generator, Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Protocol

from tgi_service.call import Cancellation


@dataclass(frozen=True, slots=True)
class Generated:
    """A complete answer; ``details`` as TGI reports them, if it was asked to."""

    text: str
    details: dict[str, Any] | None


@dataclass(frozen=True, slots=True)
class Token:
    """A piece of an answer; a special one is no part of the text."""

    text: str
    special: bool


@dataclass(frozen=True, slots=True)
class StreamItem:
    """One event of a stream; the last one has the whole text."""

    token: Token
    generated_text: str | None = None
    details: dict[str, Any] | None = None


class TokenStream(Iterator[StreamItem]):
    """A stream whose first item has arrived. Closing it ends the request to TGI.

    Raises:
        InfernetMLException: on creation, if the stream ends before its first item.
    """

    def __init__(self, items: Generator[StreamItem, None, None]) -> None:
        self._items = items
        self._first: StreamItem | None = next(items)

    def __next__(self) -> StreamItem:
        first, self._first = self._first, None
        return next(self._items) if first is None else first

    def close(self) -> None:
        """Ends the request, if it has not ended yet."""
        self._items.close()


class Backend(Protocol):
    """A server, or several, that continues prompts and chats. Safe to use from many threads.

    Parameters are TGI's own, under the names of :mod:`tgi_service.parameters`; whoever speaks
    another language translates them.
    """

    @property
    def not_for_prompts(self) -> frozenset[str]:
        """Parameters without counterpart when a prompt is continued."""

    @property
    def not_for_streams(self) -> frozenset[str]:
        """Parameters without counterpart when that is streamed."""

    @property
    def not_for_chats(self) -> frozenset[str]:
        """Parameters without counterpart in a chat."""

    def generate(
        self, prompt: str, parameters: Mapping[str, Any], cancellation: Cancellation
    ) -> Generated:
        """Asks for a whole answer, once.

        Raises:
            InfernetMLException: if there is none.
            ServiceException: the reason, if the job was cancelled.
        """

    def stream(
        self, prompt: str, parameters: Mapping[str, Any], cancellation: Cancellation
    ) -> Generator[StreamItem, None, None]:
        """Asks for an answer token by token, once. Closing the iterator ends the request.

        Raises:
            InfernetMLException: if there is none, or it breaks off.
            ServiceException: the reason, if the job was cancelled.
        """

    def chat(
        self,
        messages: Sequence[Mapping[str, Any]],
        parameters: Mapping[str, Any],
        cancellation: Cancellation,
    ) -> Generated:
        """Continues a chat with one message; see :meth:`generate`."""

    def stream_chat(
        self,
        messages: Sequence[Mapping[str, Any]],
        parameters: Mapping[str, Any],
        cancellation: Cancellation,
    ) -> Generator[StreamItem, None, None]:
        """Continues a chat token by token; see :meth:`stream`."""

    def is_healthy(self, cancellation: Cancellation) -> bool:
        """Tells whether the server says that it is ready.

        Raises:
            InfernetMLException: if there is no answer.
        """

    def model_id(self, cancellation: Cancellation) -> str:
        """Returns the name of the model that is served.

        Raises:
            InfernetMLException: if there is no such answer.
        """

    def close(self) -> None:
        """Closes the connections kept for later requests, which make new ones.

        To be called before a process forks: a connection belongs to one process.
        """
