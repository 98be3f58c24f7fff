"""What MkDocs calls for each page: links that lead out of docs/ become names of files.

In the repository they lead to the source; the built pages stand alone.
"""

import re
from pathlib import PurePosixPath
from typing import Any

_LINK = re.compile(r"\[([^\]]+)\]\((?!https?:|mailto:|#)([^)#\s]+)[^)]*\)")


def on_page_markdown(markdown: str, page: Any, **_: Any) -> str:
    """Returns the page's Markdown with links inside docs/ only."""
    return inside(markdown, PurePosixPath(page.file.src_uri))


def inside(markdown: str, source: PurePosixPath) -> str:
    """Replaces links that leave docs/ by their text and the path from the repository's root.

    Args:
        source: the page, relative to docs/.
    """

    def replaced(match: re.Match[str]) -> str:
        path = resolved(source.parent / match[2])
        if path.parts[0] != "..":
            return match[0]
        name = str(PurePosixPath(*path.parts[1:]))
        text = match[1].strip("`")
        return f"`{name}`" if text in name else f"{match[1]} (`{name}`)"

    return _LINK.sub(replaced, markdown)


def resolved(path: PurePosixPath) -> PurePosixPath:
    """Returns a relative path without ``..`` but at its beginning."""
    parts: list[str] = []
    for part in path.parts:
        if part == ".." and parts and parts[-1] != "..":
            parts.pop()
        else:
            parts.append(part)
    return PurePosixPath(*parts)
