"""Hits as one HTML page: self-contained, without scripts, in the colours of the reader's system.

Everything that an index holds is the words of strangers: each is escaped for the place where it stands, and a policy in
the page forbids scripts, forms and every request.
"""

from __future__ import annotations

import base64
import html
from collections.abc import Collection, Mapping, Sequence
from urllib.parse import quote

from mmsearch.output.formatting import counted, day, display_path, one_line, place
from mmsearch.query import Hit

_POLICY = "default-src 'none'; img-src data:; style-src 'unsafe-inline'; base-uri 'none'; form-action 'none'"
_STYLE = """
:root { color-scheme: light dark; font: 16px/1.45 system-ui, sans-serif; }
body { margin: 0 auto; max-width: 72rem; padding: 1rem; }
h1 { font-size: 1.25rem; overflow-wrap: anywhere; }
ol { display: grid; gap: 1rem; grid-template-columns: repeat(auto-fill, minmax(17rem, 1fr)); padding: 0; }
li { list-style: none; }
li { border: 1px solid color-mix(in srgb, currentColor 20%, transparent); border-radius: .5rem; overflow: hidden; }
img { aspect-ratio: 4 / 3; background: #8882; display: block; object-fit: contain; width: 100%; }
div { padding: .75rem; }
p { margin: .25rem 0 0; overflow-wrap: anywhere; }
.facts { opacity: .75; font-size: .85rem; }
a { overflow-wrap: anywhere; font-weight: 600; }
mark { padding: 0 .1em; }
"""


def hits_page(title: str, hits: Sequence[Hit], jpegs: Mapping[int, bytes], linked: Collection[bytes]) -> str:
    """The page of the hits of a query, whose words are the title. `jpegs` are thumbnails by rank; only `linked` paths
    become links."""
    heading = html.escape(one_line(title) or "Hits")
    cards = "\n".join(_card(hit, jpegs.get(hit.rank), hit.path in linked) for hit in hits)
    return (
        f'<!doctype html>\n<html lang="en">\n<head>\n<meta charset="utf-8">\n'
        f'<meta http-equiv="Content-Security-Policy" content="{html.escape(_POLICY)}">\n'
        '<meta name="viewport" content="width=device-width, initial-scale=1">\n'
        '<meta name="referrer" content="no-referrer">\n'
        f"<title>{heading}</title>\n<style>{_STYLE}</style>\n</head>\n<body>\n<main>\n"
        f"<h1>{heading}</h1>\n<p>{counted(len(hits), 'hit')}</p>\n<ol>\n{cards}\n</ol>\n</main>\n</body>\n</html>\n"
    )


def _card(hit: Hit, picture: bytes | None, is_linked: bool) -> str:
    name = html.escape(display_path(hit.path))
    if is_linked:
        name = f'<a href="{html.escape(_address(hit))}">{name}</a>'
    facts = [f"{hit.score:.2f}", str(hit.kind), place(hit.locator), day(hit.date_s)]
    facts += [f"+{len(hit.same)} same"] if hit.same else []
    image = ""
    if picture is not None:
        data = base64.b64encode(picture).decode("ascii")
        shown = html.escape(" ".join(part for part in (display_path(hit.path), place(hit.locator)) if part))
        image = f'<img loading="lazy" alt="{shown}" src="data:image/jpeg;base64,{data}">'
    snippet = one_line(hit.snippet)
    text = f"<p>{_marked(snippet, hit)}</p>" if snippet else ""
    told = html.escape(" · ".join(part for part in facts if part))
    return f'<li>{image}<div>{name}<p class="facts">{told}</p>{text}</div></li>'


def _address(hit: Hit) -> str:
    """The address of a file on this machine, at its page or second."""
    fragment = hit.locator.fragment()
    return f"file://{quote(hit.path)}{fragment if fragment.startswith(('#page=', '#t=')) else ''}"


def _marked(snippet: str, hit: Hit) -> str:
    """A snippet, escaped, with the words that matched marked."""
    from mmsearch.retrieval.words.term_matching import matches

    terms = {term: 1.0 for signal in hit.signals for term in signal.terms if term.strip()}
    parts, at = [], 0
    for start, term, _ in sorted(matches(snippet, terms)):
        if start >= at:
            parts += [html.escape(snippet[at:start]), f"<mark>{html.escape(snippet[start : start + len(term)])}</mark>"]
            at = start + len(term)
    return "".join([*parts, html.escape(snippet[at:])])
