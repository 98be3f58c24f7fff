"""Splits text into tokens the way byte-level vocabularies do.

A token is a piece of bytes, so a character outside ASCII may be split over several. As TGI
does, the text of such a token is held back until the character is complete: it is empty.
"""

import codecs
import re
import zlib
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from typing import Any

VOCABULARY = 32_000
_PIECE = re.compile(rb" ?[A-Za-z]{1,6}|\d{1,3}|[\xc0-\xff][\x80-\xbf]?|[\x80-\xbf]{1,2}|.", re.S)


@dataclass(frozen=True, slots=True)
class Token:
    """One token as TGI reports it."""

    id: int
    text: str
    logprob: float
    special: bool = False

    def as_json(self) -> dict[str, Any]:
        return {
            "id": self.id,
            "text": self.text,
            "logprob": self.logprob,
            "special": self.special,
        }


END_OF_SEQUENCE = Token(id=2, text="</s>", logprob=-0.0625, special=True)


def pieces(text: str) -> list[bytes]:
    """Returns the byte pieces of a text; joined, they are its UTF-8 encoding."""
    return _PIECE.findall(text.encode())


def tokenize(text: str) -> Iterator[Token]:
    """Yields the tokens of a text; their texts, joined, are that text."""
    decoder = codecs.getincrementaldecoder("utf-8")()
    for position, piece in enumerate(pieces(text)):
        yield Token(_id(piece), decoder.decode(piece), _logprob(piece, position))


def alternatives(token: Token, count: int) -> list[Token]:
    """Returns the ``count`` most likely tokens at a position, the chosen one first."""
    others = (
        Token((token.id + rank) % VOCABULARY, f" {token.text.strip()}{rank}", token.logprob - rank)
        for rank in range(1, count)
    )
    return [token, *others]


def visible_text(tokens: Iterable[Token]) -> str:
    """Joins the texts of all tokens but the special ones."""
    return "".join(token.text for token in tokens if not token.special)


def _id(piece: bytes) -> int:
    return zlib.crc32(piece) % (VOCABULARY - 3) + 3


def _logprob(piece: bytes, position: int) -> float:
    """Any value does, as long as it is negative and repeatable; sixteenths are exact floats."""
    return -(1 + zlib.crc32(piece, position) % 31) / 16
