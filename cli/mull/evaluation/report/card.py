"""A card of a run: its measured results with what is needed to repeat them, as Markdown or HTML.

In: the contents of a report. Out: Markdown for people, with one fenced block of JSON for programs: the run's record
without paths of this machine, the counts, and the verdict of every question, which `card_file.py` reads back.
"""

from __future__ import annotations

import json
import re
import shlex
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import asdict
from typing import Any

from mull.evaluation.command_words import base_name, file_name, without_folders
from mull.evaluation.records import AnswerRecord, ModelRecord, RunRecord
from mull.evaluation.report.contents import CAUTION, Contents
from mull.evaluation.report.facts import machine_facts, model_facts, run_facts
from mull.evaluation.report.groups import Group, suites_of
from mull.evaluation.report.tables import Table, by_suite, results
from mull.page.document import document, line
from mull.page.markdown_html import to_html
from mull.terminal.console.dates import moment_text
from mull.terminal.console.sanitize import one_line

FORMAT, VERSION = "mull-eval-card", 1
RIGHT, WRONG, UNCLEAR, FAILED = "1", "0", "?", "-"
"""The verdict on an answer in a card. `-`: it got no answer."""

_STYLE = "@media screen { th, td.right { white-space: nowrap; } }\n"
_ACTIVE = re.compile(r"([\\`*_\[\]<>|#~$&])")  # what Markdown gives a meaning to
_IDENTITY = ("reference", "source", "files", "template", "engine", "versions", "lora", "server")


def card_text(contents: Contents) -> str:
    """The card as Markdown."""
    return "\n".join([*_people(contents), *_block(contents)]) + "\n"


def card_page(contents: Contents) -> str:
    """The card as a page of HTML."""
    title = line(f"Evaluation card of {_models(contents)}")
    _, _, text = card_text(contents).partition("\n")  # the first line is its heading
    head = f'<header><h1 dir="auto">{title}</h1></header>'
    return document(title, [head, '<main class="text">', to_html(text), "</main>"], style=_STYLE)


def _models(contents: Contents) -> str:
    return ", ".join(model.name for model in contents.run.models)


def _people(contents: Contents) -> Iterator[str]:
    run = contents.run
    yield f"# Evaluation card of {_plain(_models(contents))}\n"
    version = run.versions.get("mull", "")
    yield f"Measured on {moment_text(run.started)} with `mull eval` {_plain(str(version))}.\n"
    yield f"{CAUTION}\n"
    for note in contents.notes:
        yield f"{_plain(note)}\n"
    yield "## Results\n"
    yield from _table(results(contents.groups))
    if contents.comparisons:
        yield from (f"- {_plain(one)}" for one in contents.comparisons)
        yield ""
    if len(suites_of(contents.groups)) > 1:
        yield "Accuracy by suite, with its 95% interval in percent:\n"
        yield from _table(by_suite(contents.groups))
    for model in run.models:
        yield f"## {_plain(model.name)}\n"
        yield from _list(model_facts(run, model))
    yield "## Settings\n"
    yield from _list(run_facts(run))
    yield "## Machine\n"
    yield from _list(machine_facts(run))
    yield "## Repeat it\n"
    yield "The run was made with\n"
    yield from _code(command_text(run), "console")
    yield "This command repeats it from this file and says what differs:\n"
    yield from _code("mull eval --repeat-card FILE", "console")


def _table(table: Table) -> Iterator[str]:
    yield f"| {' | '.join(map(_plain, table.heads))} |"
    rules = ("---:" if number >= table.numbers else "---" for number in range(len(table.heads)))
    yield f"| {' | '.join(rules)} |"
    yield from (f"| {' | '.join(map(_plain, row))} |" for row in table.rows)
    yield ""


def _list(pairs: Sequence[tuple[str, str]]) -> Iterator[str]:
    yield from (f"- {_plain(name)}: {_plain(value)}" for name, value in pairs)
    yield ""


def _code(text: str, language: str) -> Iterator[str]:
    fence = "`" * max(3, 1 + max(map(len, re.findall("`+", text)), default=0))
    yield f"{fence}{language}\n{one_line(text)}\n{fence}\n"


def _plain(text: str) -> str:
    """A text on one line whose characters have no meaning in Markdown."""
    return _ACTIVE.sub(r"\\\1", one_line(text))


def _block(contents: Contents) -> Iterator[str]:
    """ASCII without backticks, so that the fence cannot be closed from within."""
    text = json.dumps(card_data(contents), indent=1).replace("`", "\\u0060")
    text = re.sub(r"\[\s+(\"[^\[\]{}]*?\")\s+\]", lambda found: f"[{' '.join(found[1].split())}]", text)
    yield f"## Data\n\n```json\n{text}\n```"


def card_data(contents: Contents) -> dict[str, Any]:
    """The values of the block."""
    run = asdict(contents.run)
    run["models"] = [_model(model) for model in contents.run.models]
    run["command"] = _words(contents.run)
    run["file"] = run["file"] and file_name(run["file"])
    return {
        "format": FORMAT,
        "v": VERSION,
        "run": run,
        "results": [_counts(group) for group in contents.groups],
        "questions": {suite: _ids(contents.groups, suite) for suite in suites_of(contents.groups)},
        "verdicts": [
            {
                "model": group.model,
                "mode": group.mode,
                "suites": {suite: _verdicts(contents, group, suite) for suite in suites_of([group])},
            }
            for group in contents.groups
        ],
    }


def command_text(run: RunRecord) -> str:
    """The command of the run, for a shell; of paths, the names of the files."""
    return shlex.join(["mull", "eval", *_words(run)])


def _words(run: RunRecord) -> list[str]:
    return without_folders([str(word) for word in run.command], has_file=run.file is not None)


def _model(model: ModelRecord) -> dict[str, Any]:
    """Without the folders of this machine, which say nothing elsewhere and who the user is."""
    found = asdict(model)
    identity = {name: model.identity[name] for name in _IDENTITY if name in model.identity}
    if isinstance(files := identity.get("files"), list):
        identity["files"] = [_file(file) for file in files if isinstance(file, dict)]
    found["identity"] = identity
    found["reference"] = base_name(model.reference)
    if "reference" in identity:
        identity["reference"] = base_name(str(identity["reference"]))
    return found


def _file(file: Mapping[str, Any]) -> dict[str, Any]:
    known = {name: file[name] for name in ("bytes", "sha256", "samples") if name in file}
    return {"name": file_name(str(file.get("path", ""))), **known}


def _counts(group: Group) -> dict[str, Any]:
    low, high = group.interval
    return {
        "model": group.model,
        "mode": group.mode,
        "questions": len(group.answers),
        "right": group.right,
        "unclear": group.unclear,
        "failed": group.failed,
        "accuracy": round(group.accuracy, 4),
        "interval": [round(low, 4), round(high, 4)],
        "seconds_each": round(group.seconds_each, 4),
        "tokens_each": round(group.tokens_each, 1),
    }


def _ids(groups: Sequence[Group], suite: str) -> list[str]:
    return list(dict.fromkeys(one.id for group in groups for one in group.answers if one.suite == suite))


def _verdicts(contents: Contents, group: Group, suite: str) -> list[str]:
    """For each repeat a text with one character for each question; a blank for one that was not asked."""
    found = {(one.repeat, one.id): verdict_of(one) for one in group.answers if one.suite == suite}
    repeats = sorted({repeat for repeat, _ in found})
    ids = _ids(contents.groups, suite)
    return ["".join(found.get((repeat, name), " ") for name in ids) for repeat in repeats]


def verdict_of(answer: AnswerRecord) -> str:
    """The character of a verdict."""
    if answer.error is not None:
        return FAILED
    return {True: RIGHT, False: WRONG, None: UNCLEAR}[answer.right]
