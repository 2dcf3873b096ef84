"""A run of `mull eval` as one page of HTML: tables, plot, comparisons, published scores, every question and answer.

In: the contents of a report. Out: the page as text. It needs no script and loads nothing; every text of models and
files is escaped. The filter by suite is the page's address (`style.py`).
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence

from mull.evaluation.report.card import command_text
from mull.evaluation.report.contents import CAUTION, Contents
from mull.evaluation.report.facts import machine_facts, model_facts, run_facts, sampling_of
from mull.evaluation.report.groups import suites_of
from mull.evaluation.report.marks import marks
from mull.evaluation.report.page_questions import questions
from mull.evaluation.report.published import Published
from mull.evaluation.report.style import report_style
from mull.evaluation.report.svg import svg
from mull.evaluation.report.tables import Table, beside, by_suite, percent, results
from mull.page.document import document, joined, line, plain
from mull.terminal.console.dates import moment_text
from mull.terminal.console.quantities import counted

_NOT_COMPARABLE = (
    "Published scores were measured by others, with other questions, settings and often another quantization. They "
    "stand here to be read beside the measured ones; the numbers cannot be compared one by one."
)

_PAIRED = (
    "Both were asked the same questions; a pair is a question that both answered. Change and interval are the model’s "
    "figure less the base’s. A difference that chance explains is called none."
)

NO_STATEMENT = "no statement found"


def report_page(contents: Contents) -> str:
    """The page."""
    models = ", ".join(model.name for model in contents.run.models)
    title = line(f"Evaluation of {models}")
    body = [
        *_head(contents, title),
        "<main>",
        *_results(contents),
        *_against(contents),
        *_published(contents),
    ]
    body += [*questions(contents), *_repeat(contents), "</main>"]
    return document(title, body, style=report_style())


def _head(contents: Contents, title: str) -> Iterator[str]:
    run = contents.run
    answers = sum(len(group.answers) for group in contents.groups)
    facts = [
        moment_text(run.started),
        *suites_of(contents.groups),
        counted(answers, "answer"),
        f"run {run.id}",
    ]
    yield f'<header id="top">\n<h1 dir="auto">{title}</h1>\n<p class="meta">{joined(facts)}</p>'
    yield f"<p>{CAUTION}</p>"
    for note in contents.notes:
        yield f'<p class="note">{line(note)}</p>'
    places = [("results", "Results"), *([("against", "Beside the base")] if contents.against else [])]
    places += [("published", "Published scores"), ("questions", "Questions"), ("repeat", "Repeat it")]
    links = "".join(f'<li><a href="#{place}">{name}</a></li>' for place, name in places)
    yield f"<nav><ul>{links}</ul></nav>\n</header>"


def _results(contents: Contents) -> Iterator[str]:
    groups = contents.groups
    yield '<h2 id="results">Results</h2>'
    if not groups:
        yield "<p>No question was answered.</p>"
        return
    yield html_table(results(groups))
    if points := marks(groups):
        yield f"<figure>{svg(points)}\n<figcaption>Accuracy against seconds per answer, with the 95% interval of the "
        yield "accuracy. The letters are those of the table.</figcaption></figure>"
    if contents.comparisons:
        items = "".join(f"<li>{line(one)}</li>" for one in contents.comparisons)
        yield f"<h3>Comparisons</h3>\n<ul>{items}</ul>"
    if len(suites_of(groups)) > 1:
        yield f"<h3>By suite</h3>\n{html_table(by_suite(groups))}"
        yield '<p class="meta">Accuracy, and its 95% interval in percent.</p>'


def html_table(table: Table) -> str:
    """A table whose texts are escaped."""
    heads = "".join(_cells("th", table, table.heads))
    rows = "".join(f"<tr>{''.join(_cells('td', table, row))}</tr>\n" for row in table.rows)
    return (
        f'<div class="table"><table>\n<thead><tr>{heads}</tr></thead>\n<tbody>\n{rows}</tbody></table></div>'
    )


def _cells(tag: str, table: Table, row: Sequence[str]) -> Iterator[str]:
    for number, text in enumerate(row):
        kind = "right" if table.is_number(number) else "wide" if table.is_words(number) else ""
        shown = f' class="{kind}"' if kind else ""
        yield f"<{tag}{shown}>{line(text)}</{tag}>"


def _against(contents: Contents) -> Iterator[str]:
    """What a fine-tune changed, a table for each model that stands beside the base."""
    if not contents.against:
        return
    yield '<h2 id="against">Beside the base</h2>'
    yield f"<p>{_PAIRED}</p>"
    for model in dict.fromkeys(one.model for one in contents.against):
        some = [one for one in contents.against if one.model == model]
        yield f"<h3>{line(model)} against {line(some[0].base)}</h3>"
        yield html_table(beside(some))
        left = sum(one.unpaired for one in some)
        if left:
            yield f'<p class="meta">{counted(left, "answer")} without a partner left out.</p>'


def _published(contents: Contents) -> Iterator[str]:
    yield '<h2 id="published">Published scores</h2>'
    if not contents.published:
        yield "<p>mull’s catalogue has none of these models, so no published score is known here.</p>"
        return
    yield f"<p>{_NOT_COMPARABLE}</p>"
    for one in contents.published:
        yield f"<h3>{line(one.model)}</h3>"
        if one.scores:
            yield html_table(Table(["Benchmark", "Score", "Measured with"], _rows(contents, one), 3))
        else:
            yield "<p>None found.</p>"
        card = f"Card: {one.card}" if one.card else ""
        yield f'<p class="meta">{joined([card, f"Safety: {one.safety or NO_STATEMENT}"])}</p>'


def _rows(contents: Contents, one: Published) -> list[Sequence[str]]:
    """The published scores, and below them what was measured here."""
    rows: list[Sequence[str]] = [(name, score, f"published: {at}") for name, score, at in one.scores]
    run = contents.run
    for group in contents.groups:
        if group.model == one.model:
            facts = "; ".join(filter(None, (f"seed {run.seed}", sampling_of(run, group.model, group.mode))))
            for suite in suites_of([group]):
                part = group.of_suite(suite)
                score = percent(part.accuracy) if part.judged else "–"
                setting = (
                    f"measured here: thinking {part.mode_text}; {counted(part.judged, 'answer')}; {facts}"
                )
                rows.append((f"mull, {suite}", score, setting))
    return rows


def _repeat(contents: Contents) -> Iterator[str]:
    run = contents.run
    yield '<h2 id="repeat">Repeat it</h2>'
    yield f'<div class="code"><pre><code>{plain(command_text(run))}</code></pre></div>'
    yield _facts([*run_facts(run), *machine_facts(run)])
    for model in run.models:
        yield f"<h3>{line(model.name)}</h3>{_facts(model_facts(run, model))}"


def _facts(pairs: Sequence[tuple[str, str]]) -> str:
    items = "".join(f"<dt>{line(name)}</dt><dd>{line(value)}</dd>" for name, value in pairs if value)
    return f'<dl class="facts">{items}</dl>'
