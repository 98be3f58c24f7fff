"""The description of the REST interface as a page for people.

One HTML file without scripts and without anything from elsewhere: it is read in closed networks.
"""

from collections.abc import Iterable, Mapping
from functools import cache
from html import escape
from typing import Any

from starlette.requests import Request
from starlette.responses import HTMLResponse, Response

from infernet_node.api.caller import Caller
from infernet_node.api.openapi import document
from infernet_protocol.hashing import UINT256_MAX

_STYLE = """
:root { color-scheme: light dark; --line: #8884; --soft: #8881;
  --accent: light-dark(#0a58ca, #7ab7ff) }
* { box-sizing: border-box }
body { font: 16px/1.5 system-ui, sans-serif; margin: 0 auto; max-width: 60rem; padding: 1rem }
h1 { margin: 0 } h2 { margin: 2rem 0 .5rem }
a { color: var(--accent) }
code, pre { font-family: ui-monospace, monospace; font-size: .9em }
pre { background: var(--soft); padding: .75rem; overflow-x: auto; border-radius: .4rem }
details { border: 1px solid var(--line); border-radius: .4rem; margin: .5rem 0 }
details > div { padding: 0 .75rem .75rem; scroll-margin-top: 4rem }
summary { cursor: pointer; padding: .5rem .75rem; display: flex; flex-wrap: wrap;
  gap: .25rem .75rem }
details[open] > summary { border-bottom: 1px solid var(--line) }
summary code { overflow-wrap: anywhere } summary span { opacity: .8 }
.method { font-weight: 700; min-width: 4.5rem; color: var(--accent) }
table { border-collapse: collapse; width: 100% }
tr { border-top: 1px solid var(--line) }
td { vertical-align: top; padding: .3rem .75rem .3rem 0; overflow-wrap: break-word }
td:first-child { white-space: nowrap }
h3 { font-size: 1rem; margin: .75rem 0 .25rem }
@media (max-width: 40rem) {
  tr, td { display: block; padding: .1rem 0 }
}
"""
_HEADERS = {
    # Nothing is loaded, whatever a description may hold one day.
    "Content-Security-Policy": "default-src 'none'; style-src 'unsafe-inline'",
    "X-Content-Type-Options": "nosniff",
}
_EXAMPLE = """\
curl -X POST http://127.0.0.1:4000/api/jobs \\
     -d '{"containers": ["my-container"], "data": {"text": "abc"}}'
curl 'http://127.0.0.1:4000/api/jobs?id=0d9a2c7e-5a3f-4a55-9d0e-0e5c1c7f8b11'"""


async def show(request: Request, caller: Caller) -> Response:
    """``GET /docs``: this interface for people."""
    return HTMLResponse(page(), headers=_HEADERS)


@cache
def page() -> str:
    """Returns the whole page."""
    described = document()
    info = described["info"]
    operations = [
        _operation(method, path, operation)
        for path, item in described["paths"].items()
        for method, operation in item.items()
    ]
    schemas = [_schema(*each) for each in described["components"]["schemas"].items()]
    return (
        '<!doctype html><html lang="en"><head><meta charset="utf-8">'
        '<meta name="viewport" content="width=device-width, initial-scale=1">'
        f"<title>{escape(info['title'])}</title><style>{_STYLE}</style></head><body>"
        f"<h1>{escape(info['title'])} {escape(info['version'])}</h1>"
        f'<p>{escape(info["description"])} For tools: <a href="openapi.json">openapi.json</a>.</p>'
        f"<pre>{escape(_EXAMPLE)}</pre>"
        f"<h2>Routes</h2>{''.join(operations)}<h2>Schemas</h2>{''.join(schemas)}</body></html>"
    )


def _operation(method: str, path: str, operation: Mapping[str, Any]) -> str:
    head = (
        f'<span class="method">{method.upper()}</span><code>{escape(path)}</code>'
        f"<span>{escape(operation['summary'])}</span>"
    )
    return _details(
        f"{method}-{path}",
        head,
        _parameters(operation.get("parameters", ())),
        _body(operation.get("requestBody")),
        _answers(operation["responses"]),
    )


def _parameters(parameters: Iterable[Mapping[str, Any]]) -> str:
    rows = [
        (
            f"<code>{escape(each['name'])}</code>",
            f"in {escape(each['in'])}{', required' if each.get('required') else ''}",
            _type(each["schema"]),
            escape(each.get("description", "")),
        )
        for each in parameters
    ]
    return f"<h3>Parameters</h3>{_table(rows)}" if rows else ""


def _body(body: Mapping[str, Any] | None) -> str:
    return f"<h3>Body</h3><p>{_content(body)}</p>" if body else ""


def _answers(answers: Mapping[str, Mapping[str, Any]]) -> str:
    rows = [
        (f"<code>{escape(status)}</code>", escape(each["description"]), _content(each))
        for status, each in answers.items()
    ]
    return f"<h3>Answers</h3>{_table(rows)}"


def _content(holder: Mapping[str, Any]) -> str:
    """Returns media types and schemas of a body or an answer."""
    return "<br>".join(
        f"<code>{escape(media)}</code>: {_type(each['schema'])}"
        if each.get("schema")
        else f"<code>{escape(media)}</code>"
        for media, each in holder.get("content", {}).items()
    )


def _schema(name: str, schema: Mapping[str, Any]) -> str:
    required = schema.get("required", ())
    rows = [
        (f"<code>{escape(field)}</code>", _type(each), "" if field in required else "optional")
        for field, each in schema.get("properties", {}).items()
    ]
    content = _table(rows) if rows else f"<p>{_type(schema)}</p>"
    return _details(f"schema-{name}", f"<code>{escape(name)}</code>", content)


def _type(schema: Mapping[str, Any]) -> str:
    """Returns in words what values a schema admits."""
    if reference := schema.get("$ref"):
        name = escape(reference.rpartition("/")[2])
        return f'<a href="#schema-{name}">{name}</a>'
    if choices := schema.get("anyOf") or schema.get("oneOf"):
        return " or ".join(map(_type, choices))
    if values := schema.get("enum") or ("const" in schema and [schema["const"]]):
        return " or ".join(f"<code>{escape(str(value))}</code>" for value in values)
    if schema.get("type") == "array":
        return f"list of {_type(schema['items'])}"
    if properties := schema.get("properties"):
        fields = (
            f"<code>{escape(name)}</code>: {_type(each)}" for name, each in properties.items()
        )
        return f"object ({', '.join(fields)})"
    return _plain(schema)


def _plain(schema: Mapping[str, Any]) -> str:
    kinds = schema.get("type", "anything")
    text = kinds if isinstance(kinds, str) else " or ".join(kinds)
    if "maximum" in schema:
        most = "2^256 - 1" if schema["maximum"] == UINT256_MAX else schema["maximum"]
        text += f" from {schema['minimum']} to {most}"
    if "pattern" in schema:
        text += f" <code>{escape(schema['pattern'])}</code>"
    return text


def _details(anchor: str, head: str, *parts: str) -> str:
    inner = "".join(parts)
    # Whoever follows a link to what is within gets it opened.
    return f'<details><summary>{head}</summary><div id="{escape(anchor)}">{inner}</div></details>'


def _table(rows: Iterable[tuple[str, ...]]) -> str:
    lines = ("".join(f"<td>{cell}</td>" for cell in row) for row in rows)
    return f"<table>{''.join(f'<tr>{line}</tr>' for line in lines)}</table>"
