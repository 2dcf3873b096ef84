"""The style sheet of a session's page: dark and light as the reader's system is, for screens of any width and paper.

Every colour of text has a contrast of at least 4.5 to its background, in both schemes (a test computes it). The colours
of code are those of two Pygments styles.
"""

from __future__ import annotations

LIGHT, DARK = "xcode", "github-dark"
"""The Pygments styles: of those that come with it, each has the least colours below that contrast."""
_UNSEEN = {"w"}  # classes of tokens without ink

_COLOURS = {
    "light": "--ink: #1d2127; --dim: #5c646e; --paper: #fff; --tint: #eef2f6; --code: #f6f8fa; --line: #d3d9e0;"
    " --accent: #0b62a8;",
    "dark": "--ink: #dfe4ea; --dim: #98a2ae; --paper: #14171b; --tint: #222932; --code: #1b2027; --line: #39424d;"
    " --accent: #79b8ff;",
}

_RULES = """
* { box-sizing: border-box; }
html { -webkit-text-size-adjust: 100%; text-size-adjust: 100%; }
body { margin: 0 auto; max-width: 48rem; padding: 1.5rem 1rem 4rem; background: var(--paper); color: var(--ink);
  font: 1rem/1.6 system-ui, -apple-system, "Segoe UI", sans-serif; overflow-wrap: anywhere; }
header { border-bottom: 1px solid var(--line); margin-bottom: 1.5rem; padding-bottom: .75rem; }
h1 { font-size: 1.5rem; line-height: 1.3; margin: 0 0 .25rem; }
h3, h4, h5, h6 { line-height: 1.3; margin: 1.4em 0 .4em; font-size: 1rem; }
h3 { font-size: 1.25rem; } h4 { font-size: 1.1rem; }
a { color: var(--accent); }
.meta, .ending, summary, .language { color: var(--dim); font-size: .85rem; }
.meta { margin: .25rem 0; }
.ending { font-style: italic; }
article { margin: 0 0 2.5rem; scroll-margin-top: 1rem; }
.question { background: var(--tint); border-left: 3px solid var(--accent); border-radius: .25rem;
  padding: .6rem .9rem; margin-bottom: .9rem; }
.plain { white-space: pre-wrap; }
.question .plain { font-weight: 500; }
.text > :first-child { margin-top: 0; } .text > :last-child { margin-bottom: .5rem; }
p, ul, ol, blockquote, .table, .code { margin: .75rem 0; }
ul, ol { padding-inline-start: 1.6rem; } li { margin: .2rem 0; } li > p { margin: .4rem 0; }
blockquote { border-inline-start: 3px solid var(--line); color: var(--dim);
  padding-inline-start: .9rem; margin-inline: 0; }
hr { border: 0; border-top: 1px solid var(--line); margin: 1.5rem 0; }
details { margin: .6rem 0; }
summary { cursor: pointer; width: fit-content; border-radius: .25rem; }
summary:hover { color: var(--ink); }
summary:focus-visible, a:focus-visible { outline: 2px solid var(--accent); outline-offset: 2px; }
.thinking[open] { border-left: 2px solid var(--line); padding-left: .9rem; }
.thinking .text { color: var(--dim); font-size: .93rem; }
nav ol { font-size: .93rem; }
pre, code { font-family: ui-monospace, "SF Mono", Menlo, Consolas, monospace; font-size: .875em; tab-size: 4; }
code { background: var(--code); border-radius: .25rem; padding: .1em .3em; }
pre { background: var(--code); border: 1px solid var(--line); border-radius: .35rem; margin: 0; padding: .7rem .9rem;
  overflow: auto; line-height: 1.5; overflow-wrap: normal; }
pre code { padding: 0; background: none; font-size: 1em; }
details pre { max-height: 75vh; } .file pre { margin-top: .4rem; }
.code { position: relative; }
.language { position: absolute; top: 0; right: .5rem; padding: .1rem .25rem; background: var(--code);
  border-top: 1px solid var(--line); max-width: 50%; overflow: hidden; white-space: nowrap; text-overflow: ellipsis; }
.language + pre { padding-top: 1.6rem; }
.table { overflow-x: auto; }
table { border-collapse: collapse; overflow-wrap: normal; }
th, td { border-bottom: 1px solid var(--line); padding: .35rem .7rem; text-align: start; vertical-align: top; }
th { border-bottom-width: 2px; } td { min-width: 3rem; }
.right { text-align: right; font-variant-numeric: tabular-nums; }
.center { text-align: center; } .left { text-align: left; }
.math { font-family: "STIX Two Math", "Cambria Math", "Times New Roman", serif; font-size: 1.05em; }
p.math { text-align: center; } code.math { font-family: ui-monospace, monospace; font-size: .875em; }
@media (max-width: 480px) {
  body { padding: 1rem .75rem 3rem; }
  .question { padding: .5rem .7rem; }
}
@media print {
  body { max-width: none; padding: 0; font-size: 10.5pt; }
  @page { margin: 18mm; }
  .question { print-color-adjust: exact; -webkit-print-color-adjust: exact; break-after: avoid; }
  pre { white-space: pre-wrap; overflow-wrap: anywhere; overflow: visible; max-height: none !important; }
  .table { overflow: visible; } tr, blockquote { break-inside: avoid; } h3, h4, h5, h6 { break-after: avoid; }
  nav, .thinking:not([open]) { display: none; }
  .question details::details-content { content-visibility: visible; block-size: auto; }
  .question > details:not(.file) > summary { display: none; }
  .text a::after { content: " (" attr(href) ")"; font-size: .85em; color: var(--dim); }
}
"""


def style_sheet() -> str:
    """The whole sheet."""
    light = f":root {{ color-scheme: light; {_COLOURS['light']} }}\n{_code_rules(LIGHT)}"
    dark = f":root {{ color-scheme: dark; {_COLOURS['dark']} }}\n{_code_rules(DARK)}"
    return f"\n{light}{_RULES}@media screen and (prefers-color-scheme: dark) {{\n{dark}}}\n"


def _code_rules(style: str) -> str:
    """A rule for each class that a Pygments style draws in some way; the names are those of `highlight`."""
    from pygments.styles import get_style_by_name  # type: ignore[import-untyped,unused-ignore]
    from pygments.token import STANDARD_TYPES  # type: ignore[import-untyped,unused-ignore]

    rules: dict[str, list[str]] = {}
    for kind, drawn in get_style_by_name(style):
        name = STANDARD_TYPES.get(kind, "")
        if not name or name in _UNSEEN:
            continue
        parts = [f"color: #{drawn['color']}"] if drawn["color"] else ["color: inherit"]
        parts.append(f"font-weight: {'bold' if drawn['bold'] else 'normal'}")
        parts.append(f"font-style: {'italic' if drawn['italic'] else 'normal'}")
        rules.setdefault("; ".join(parts), []).append(f".code .{name}")
    return "".join(f"{', '.join(names)} {{ {rule} }}\n" for rule, names in rules.items())
