"""HTML pages of the grader: one frame, one style. They run no script and load nothing, whatever stands in them."""

from __future__ import annotations

import html

__all__ = ["page", "safe", "table", "words"]

# The policy is a second wall behind escaping: even text that escaped it could neither run nor call home.
POLICY = "default-src 'none'; img-src data:; style-src 'unsafe-inline'; form-action 'none'; base-uri 'none'"
STYLE = """
body{font:16px/1.5 system-ui,sans-serif;color:#1a1a2e;background:#fff;max-width:54rem;margin:2rem auto;padding:0 1rem}
h1{font-size:1.5rem}h2{font-size:1.15rem;margin-top:2rem}table{border-collapse:collapse;margin:.5rem 0;max-width:100%}
th,td{text-align:left;padding:.25rem .8rem .25rem 0;border-bottom:1px solid #d5d5dd;vertical-align:top}
pre{white-space:pre-wrap;overflow-wrap:anywhere;background:#f5f5f8;padding:.6rem}img{max-width:100%;height:auto}
figure{margin:1rem 0}figcaption,.small{color:#55556a;font-size:.9rem}.task{border-top:2px solid #d5d5dd;padding-top:.3rem}
caption{text-align:left}h3{font-size:1rem}
"""
HIDDEN_CHARACTERS = {**dict.fromkeys(range(0x202A, 0x202F)), **dict.fromkeys(range(0x2066, 0x206A)), 0x200E: None, 0x200F: None}


def safe(text: object) -> str:
    """Escaped, and without characters that turn the direction of writing or cannot stand in a page.

    >>> safe("<script>")
    '&lt;script&gt;'
    """
    plain = str(text).translate(HIDDEN_CHARACTERS)
    return html.escape("".join(c if c in "\n\t" or ord(c) >= 32 else "\ufffd" for c in plain).encode("utf-8", "replace").decode())


def words(text: object) -> str:
    """The same, with `backticks` as code: for sentences of the course.

    >>> words("write `a < b`")
    'write <code>a &lt; b</code>'
    """
    pieces = safe(text).split("`")
    if len(pieces) % 2 == 0:  # one is not closed
        return "`".join(pieces)
    return "".join(f"<code>{piece}</code>" if i % 2 else piece for i, piece in enumerate(pieces))


def page(title: str, body: str) -> str:
    """A whole page; ``title`` is text, ``body`` is HTML."""
    return (
        f'<!DOCTYPE html>\n<html lang="en"><head><meta charset="utf-8"><meta http-equiv="Content-Security-Policy" content="{POLICY}">'
        '<meta name="viewport" content="width=device-width"><meta name="robots" content="noindex">'
        '<meta name="referrer" content="no-referrer">'
        f"<title>{safe(title)}</title><style>{STYLE}</style></head><body><main>\n<h1>{safe(title)}</h1>\n{body}\n</main></body></html>\n"
    )


def table(head: list[str], rows: list[list[object]], caption: str = "") -> str:
    """A table of texts, in which `backticks` are code."""
    title = f"<caption>{safe(caption)}</caption>" if caption else ""
    first = "".join(f'<th scope="col">{safe(cell)}</th>' for cell in head)
    body = "\n".join("<tr>" + "".join(f"<td>{words(cell)}</td>" for cell in row) + "</tr>" for row in rows)
    return f"<table>{title}<thead><tr>{first}</tr></thead><tbody>\n{body}\n</tbody></table>"
