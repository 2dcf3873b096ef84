"""The part of a report with every question: what was asked, what is right, each answer, its thinking folded.

In: the contents of a report. Out: HTML. A question's summary says which runs were right, so that nothing has to be
opened to see it; no verdict is shown by colour alone.
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Sequence

from mull.evaluation.questions import EvalQuestion
from mull.evaluation.records import AnswerRecord
from mull.evaluation.report.contents import Contents
from mull.evaluation.report.groups import by_question, suites_of
from mull.evaluation.report.marks import letter_of
from mull.page.document import folded, joined, line, plain
from mull.page.markdown_html import to_html
from mull.terminal.console.quantities import counted, token_count
from mull.terminal.console.sanitize import one_line

MARKDOWN_UP_TO = 20_000
"""Characters of an answer that is shown as Markdown; a longer one is a loop, or data, and is shown as it is."""
HEAD, TAIL = 50_000, 5_000
"""Characters of an answer that is longer still; a browser takes seconds to lay out a million."""
_LABEL = 100  # characters of a question in its summary
_SIGNS = {True: ("✓", "right", "yes"), False: ("✗", "wrong", "no"), None: ("?", "unclear", "unclear")}


def questions(contents: Contents) -> Iterator[str]:
    """The heading, the links of the filter, and each suite."""
    groups, suites = contents.groups, suites_of(contents.groups)
    yield '<h2 id="questions">Questions</h2>'
    yield f'<p class="meta">{joined(f"{letter_of(number)}: {group.label}" for number, group in enumerate(groups))}</p>'
    links = [("questions", "All"), ("wrong", "Those that a run got wrong")]
    places = _anchors(suites)
    links += [(places[suite], suite) for suite in suites] if len(suites) > 1 else []
    items = "".join(f'<li><a href="#{place}">{line(name)}</a></li>' for place, name in links)
    yield f'<nav aria-label="Filter"><ul id="wrong">{items}</ul></nav>'
    found = by_question(groups)
    for suite in suites:
        asked = {name: lists for (of, name), lists in found.items() if of == suite}
        yield f'<section class="suite" id="{places[suite]}">'
        yield f"<h3>{line(suite)} <small>({counted(len(asked), 'question')})</small></h3>"
        for name, lists in asked.items():
            yield from _question(name, contents.questions.get((suite, name)), lists)
        yield "</section>"


def _anchors(suites: Sequence[str]) -> dict[str, str]:
    """The place of each suite in the page: letters, digits and hyphens, no two alike."""
    found: dict[str, str] = {}
    for number, suite in enumerate(suites, 1):
        name = "suite-" + (re.sub(r"[^a-z0-9]+", "-", suite.lower()).strip("-") or str(number))
        found[suite] = f"{name}-{number}" if name in found.values() else name
    return found


def _question(
    name: str, question: EvalQuestion | None, lists: Sequence[Sequence[AnswerRecord]]
) -> Iterator[str]:
    every = all(one.right for answers in lists for one in answers)
    shown = [f"{letter_of(number)}{_signs(answers)}" for number, answers in enumerate(lists) if answers]
    prompt = _label(question.prompt) if question else ""
    summary = (
        f'<span class="verdict">{" ".join(shown)}</span> <span class="id">{line(name)}</span> {line(prompt)}'
    )
    body = [_asked(question)] if question else []
    for number, answers in enumerate(lists):
        body += [_reply(letter_of(number), one, several=len(answers) > 1) for one in answers]
    yield folded(summary, "\n".join(body), "item all-right" if every else "item")


def _label(text: str) -> str:
    text = one_line(text)
    return text if len(text) <= _LABEL else f"{text[: _LABEL - 1].rstrip()}…"


def _signs(answers: Sequence[AnswerRecord]) -> str:
    return "".join(_sign(one) for one in answers)


def _sign(one: AnswerRecord) -> str:
    if one.error is not None:
        return '<span class="no" title="no answer">–</span>'
    sign, name, kind = _SIGNS[one.right]
    return f'<span class="{kind}" title="{name}">{sign}</span>'


def _asked(question: EvalQuestion) -> str:
    parts = []
    if question.system:
        parts.append(
            f'<p class="meta">System prompt</p><div class="plain" dir="auto">{plain(question.system)}</div>'
        )
    parts += [f'<div class="plain" dir="auto">{plain(turn)}</div>' for turn in question.user_turns]
    expected = " or ".join(question.expected) if question.answers else "; ".join(question.expected)
    kind = f" · {question.kind}" if question.kind else ""
    level = f" · level {question.level}" if question.level else ""
    parts.append(f'<p class="meta">Expected: {line(expected)}{line(kind + level)}</p>')
    return f'<section class="question" aria-label="Question">{"".join(parts)}</section>'


def _reply(letter: str, one: AnswerRecord, *, several: bool) -> str:
    _, name, kind = _SIGNS[one.right]
    name = "no answer" if one.error is not None else name
    which = f" · repeat {one.repeat + 1}" if several else ""
    facts = [
        *([one.label] if one.label else []),
        one.reason,
        f"error {one.error}" if one.error else "",
        "" if one.finish in {"stop", "error"} else f"ended by: {one.finish}",
        token_count(one.thinking_tokens + one.answer_tokens),
        f"{one.seconds:.1f} s",
    ]
    parts = [
        f'<h4>{letter}: {line(one.model)}, {line(one.mode)}{which} · <span class="{kind}">{name}</span></h4>',
        f'<p class="meta">{joined(facts)}</p>',
    ]
    if one.thinking.strip():
        tokens = f" · {token_count(one.thinking_tokens)}" if one.thinking_tokens else ""
        parts.append(
            folded(f"Thinking{tokens}", f'<div class="text">{_text(one.thinking)}</div>', "thinking")
        )
    parts += [f'<div class="text answer">{_text(reply)}</div>' for reply in [*one.replies[:-1], one.answer]]
    return f'<div class="reply">{"".join(parts)}</div>'


def _text(text: str) -> str:
    if not text.strip():
        return '<p class="meta">(nothing)</p>'
    if len(text) > MARKDOWN_UP_TO:
        note = f"{len(text):,} characters"
        if len(text) > HEAD + TAIL:
            note += f", of them the first {HEAD:,} and the last {TAIL:,}; the run’s folder has all"
            text = f"{text[:HEAD]}\n…\n{text[-TAIL:]}"
        return f'<p class="meta">{note}</p><pre class="long">{plain(text)}</pre>'
    return to_html(text)
