"""The rules of a report's style sheet beside those of every page: its tables, its plot, its filter without a script.

The filter is the page's address: `#suite-NAME` shows the questions of one suite, `#wrong` those that no run answered
right throughout. A browser that does not know `:has` shows all of them and goes to the place.
"""

from __future__ import annotations

from mull.evaluation.report.svg import svg_style

_GOOD, _BAD = {"light": "#147234", "dark": "#45b76b"}, {"light": "#c1211c", "dark": "#f4807c"}

_RULES = """
body { max-width: 68rem; }
h2 { font-size: 1.3rem; line-height: 1.3; margin: 2.2rem 0 .5rem; scroll-margin-top: 1rem; }
h3 { scroll-margin-top: 1rem; }
nav ul { list-style: none; padding: 0; margin: .5rem 0; display: flex; flex-wrap: wrap; gap: .3rem .9rem; }
nav li { margin: 0; }
figure { margin: 1rem 0; }
svg.plot { display: block; width: 100%; max-width: 40rem; height: auto; }
td.right { white-space: nowrap; } th { vertical-align: bottom; }
td.wide { min-width: 7rem; }
.key { font-weight: 600; }
.yes { color: var(--good); } .no { color: var(--bad); } .unclear { color: var(--dim); }
.verdict { font-weight: 600; white-space: nowrap; }
.item { border-top: 1px solid var(--line); margin: 0; padding: .35rem 0; }
.item > summary { width: auto; font-size: .95rem; color: var(--ink); }
.item > summary .id { color: var(--dim); font-size: .85rem; }
.reply { border-left: 2px solid var(--line); padding-left: .9rem; margin: 1rem 0; }
.reply h4 { font-size: 1rem; margin: 0 0 .3rem; }
.reply pre.long { max-height: 60vh; white-space: pre-wrap; overflow-wrap: anywhere; }
main:has(.suite:target) .suite:not(:target), main:has(#wrong:target) .item.all-right { display: none; }
dl.facts { display: grid; grid-template-columns: max-content 1fr; gap: .2rem 1rem; margin: .75rem 0; }
dl.facts dt { color: var(--dim); } dl.facts dd { margin: 0; }
@media (max-width: 480px) {
  th { white-space: nowrap; } td.wide { min-width: 14rem; }
  dl.facts { display: block; } dl.facts dd { margin: 0 0 .4rem; } }
@media print {
  .item { break-inside: avoid-page; } nav { display: none; } td, th { white-space: normal; }
  svg.plot { max-width: 12cm; } table { font-size: 8pt; } td, th { padding: .2rem .25rem; }
}
"""


def report_style() -> str:
    """The rules, for both schemes."""
    return (
        f":root {{ {_colours('light')} }}\n{svg_style('light')}{_RULES}"
        f"@media screen and (prefers-color-scheme: dark) {{\n:root {{ {_colours('dark')} }}\n{svg_style('dark')}}}\n"
    )


def _colours(scheme: str) -> str:
    return f"--good: {_GOOD[scheme]}; --bad: {_BAD[scheme]};"
