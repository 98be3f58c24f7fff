"""A Python that runs one block after the other, as a notebook does: ``await`` needs no function.

Reads source, one JSON string a line, and answers with one JSON object a line: ``printed``, and
``error``, a traceback or null.
"""

import ast
import asyncio
import contextlib
import io
import json
import sys
import traceback
from typing import Any


def main() -> None:
    """Runs what standard input tells until it ends."""
    namespace: dict[str, Any] = {"__name__": "__main__"}
    with asyncio.Runner() as runner:
        for line in sys.stdin:
            answer = outcome(json.loads(line), namespace, runner)
            print(json.dumps(answer), flush=True)


def outcome(source: str, namespace: dict[str, Any], runner: asyncio.Runner) -> dict[str, Any]:
    """Runs a block and returns what it printed and how it failed, if it did."""
    printed = io.StringIO()
    try:
        with contextlib.redirect_stdout(printed):
            code = compile(source, "page", "exec", flags=ast.PyCF_ALLOW_TOP_LEVEL_AWAIT)
            result = eval(code, namespace)
            if asyncio.iscoroutine(result):
                runner.run(result)
    except Exception:  # noqa: BLE001 - whatever the page's code raises is the page's failure
        return {"printed": printed.getvalue(), "error": traceback.format_exc()}
    return {"printed": printed.getvalue(), "error": None}


if __name__ == "__main__":
    main()
