"""`/docs`: what this server answers over HTTP, written out from its OpenAPI description. One file without scripts: it asks nobody for anything."""

from __future__ import annotations

import base64
import hashlib
import json
from collections.abc import Iterator, Mapping
from html import escape
from http import HTTPStatus
from typing import Any, Final

_STYLE: Final = """
:root { color-scheme: light dark; --ink: #1c2a2b; --soft: #48595a; --paper: #e9f1ec; --card: #f7fbf8; --line: #b9cdc6; --accent: #14616a; }
@media (prefers-color-scheme: dark) {
  :root { --ink: #eaf3ee; --soft: #adc2bd; --paper: #0f191b; --card: #17272a; --line: #2c4346; --accent: #83d6ca; }
}
body { max-width: 52rem; margin: 0 auto; padding: 1.5rem 1rem 3rem; background: var(--paper); color: var(--ink); font: 1rem/1.5 system-ui, sans-serif; }
h1 { margin: 0; font-size: 1.6rem; }
p { margin: 0.3rem 0; }
a { color: var(--accent); }
nav ul { margin: 1rem 0; padding: 0; list-style: none; }
section { margin: 1rem 0; padding: 0.9rem 1.2rem 1.1rem; border-radius: 1rem; background: var(--card); overflow-wrap: anywhere; }
h2 { margin: 0 0 0.2rem; font: 600 1.05rem/1.5 ui-monospace, monospace; }
h3 { margin: 0.9rem 0 0.2rem; font-size: 0.95rem; }
b { color: var(--accent); }
code, pre { font: 0.875rem/1.5 ui-monospace, monospace; }
pre { margin: 0.3rem 0; padding: 0.6rem 0.8rem; border: 1px solid var(--line); border-radius: 0.6rem; white-space: pre-wrap; }
table { border-collapse: collapse; }
th, td { padding: 0.15rem 1.2rem 0.15rem 0; text-align: start; font-weight: 400; vertical-align: top; }
.soft { color: var(--soft); }
"""

HEADERS: Final = {
    "Content-Security-Policy": "default-src 'none'; img-src 'self'; base-uri 'none'; form-action 'none'; frame-ancestors 'none'; "
    f"style-src 'sha256-{base64.b64encode(hashlib.sha256(_STYLE.encode()).digest()).decode()}'",
    "X-Content-Type-Options": "nosniff",
    "Referrer-Policy": "no-referrer",
    "Cache-Control": "no-cache",
}
"""The page may use its own style sheet and this server's pictures, nothing else."""


def reference(api: Mapping[str, Any], address: str) -> str:
    """HTML. `api` is an OpenAPI 3 document, `address` this server's, for the examples: `http://127.0.0.1:8080`."""
    operations = [(method.upper(), path, what) for path, methods in api.get("paths", {}).items() for method, what in methods.items()]
    info = api.get("info", {})
    title = escape(f"{info.get('title', '')} {info.get('version', '')}".strip())
    links = "".join(
        f'<li><a href="#{_anchor(method, path)}"><code>{method} {escape(path)}</code></a> '
        f'<span class="soft">{escape(what.get("summary", ""))}</span></li>'
        for method, path, what in operations
    )
    schemas = api.get("components", {}).get("schemas", {})
    return "".join(
        (
            f'<!doctype html><html lang="en"><head><meta charset="utf-8"><meta name="viewport" content="width=device-width, initial-scale=1">'
            f'<title>{title}: HTTP</title><link rel="icon" type="image/svg+xml" href="/favicon.svg"><style>{_STYLE}</style></head><body><header><h1>{title}</h1>',
            '<p>What this server answers over HTTP. For programs: <a href="/openapi.json">/openapi.json</a>. The WebSocket <code>/ws/session</code> and '
            "the messages of a conversation are described in the project’s <code>docs/protocol.md</code>.</p></header>",
            f"<nav><ul>{links}</ul></nav><main>",
            *(part for method, path, what in operations for part in _operation(method, path, what, address)),
            *(
                f'<section id="schema-{escape(name)}"><h2>{escape(name)}</h2>{_schema(schema)}</section>'
                for name, schema in schemas.items()
            ),
            "</main></body></html>",
        )
    )


def _operation(method: str, path: str, what: Mapping[str, Any], address: str) -> Iterator[str]:
    yield f'<section id="{_anchor(method, path)}"><h2><b>{method}</b> {escape(path)}</h2><p>{escape(what.get("summary", ""))}</p>'
    if description := what.get("description"):
        yield f'<p class="soft">{escape(description)}</p>'
    content = what.get("requestBody", {}).get("content", {})
    body = " -H 'Content-Type: application/json' -d '{}'" if "application/json" in content else ""
    yield f"<pre>curl{'' if method == 'GET' else f' -X {method}'} {escape(address + path)}{body}</pre>"
    if parameters := what.get("parameters"):
        rows = "".join(
            f"<tr><th scope=row><code>{escape(p['name'])}</code></th><td>{escape(p['in'])}</td>"
            f"<td>{'required' if p.get('required') else 'optional'}</td><td>{escape(p.get('description', ''))}</td></tr>"
            for p in parameters
        )
        yield f"<h3>Parameters</h3><table>{rows}</table>"
    for kind, one in content.items():
        yield f"<h3>Body: {escape(kind)}</h3>{_schema(one.get('schema', {}))}"
    answers = "".join(
        f"<tr><th scope=row><code>{escape(code)}</code></th><td>{escape(answer.get('description') or _phrase(code))}</td>"
        f"<td>{' '.join(_link(kind, one.get('schema', {})) for kind, one in answer.get('content', {}).items())}</td></tr>"
        for code, answer in what.get("responses", {}).items()
    )
    yield f"<h3>Answers</h3><table>{answers}</table></section>"


def _schema(schema: Mapping[str, Any]) -> str:
    if reference := schema.get("$ref"):
        return f"<p>{_link('', {'$ref': reference})}</p>"
    return f"<pre>{escape(json.dumps(schema, indent=2, ensure_ascii=False))}</pre>"


def _link(kind: str, schema: Mapping[str, Any]) -> str:
    name = str(schema.get("$ref", "")).rpartition("/")[2]
    link = f'<a href="#schema-{escape(name)}">{escape(name)}</a>' if name else ""
    return f'<span class="soft">{escape(kind)}</span> {link}'.strip()


def _phrase(code: str) -> str:
    return HTTPStatus(int(code)).phrase if code.isdigit() and int(code) in list(HTTPStatus) else ""


def _anchor(method: str, path: str) -> str:
    return escape(f"{method.lower()}{path.replace('/', '-')}")
