"""Export a session: Markdown, JSON that can be imported, or a self-contained HTML page.

In: a session and its turns. Out: text. Markdown and HTML contain the current branch, JSON all branches. In HTML all
text of the conversation is escaped.
"""

from __future__ import annotations

import dataclasses
import html
import itertools
import json
import re
import time
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any, TypeVar

from mull.events import ReasoningReport, Timing, Usage
from mull.fs.atomic import PRIVATE, create_atomic
from mull.fs.out_file import OutFile
from mull.store import session_file
from mull.store.records import Attachment, Session, TurnRecord
from mull.store.sessions import Store

_T = TypeVar("_T")
FORMAT = "mull session"
VERSION = 1

_CONTROLS = re.compile(r"[\x00-\x1f\x7f-\x9f]")

_STYLE = """
body { max-width: 46rem; margin: 2rem auto; padding: 0 1rem; font: 1rem/1.55 system-ui, sans-serif;
  color: #1c1e21; background: #fff; }
header p, .meta { color: #6b7178; font-size: .85rem; }
.question { background: #f0f3f6; border-radius: .5rem; padding: .6rem .9rem; margin-top: 2rem; }
.question, .answer, pre { white-space: pre-wrap; overflow-wrap: anywhere; }
details { color: #6b7178; border-left: 3px solid #d4dae0; padding-left: .8rem; margin: .6rem 0; }
summary { cursor: pointer; }
pre { background: #f6f8fa; border-radius: .4rem; padding: .6rem .8rem; font: .88rem/1.45 ui-monospace, monospace; }
@media (prefers-color-scheme: dark) {
  body { color: #dfe3e8; background: #15181c; }
  .question, pre { background: #20252b; }
  details { border-color: #3a424b; }
}
"""


def to_markdown(session: Session, turns: Sequence[TurnRecord]) -> str:
    """The branch as Markdown; thinking in `<details>`, which GitHub and most viewers fold."""
    parts = [
        f"# {_one_line(session.title)}",
        f"{_date(session.created)} · {_one_line(session.model)} · session {session.id}",
    ]
    if session.system:
        parts.append(f"**System:**\n\n{_quoted(session.system)}")
    for turn in turns:
        parts.append(f"## {_one_line(turn.question)[:70] or 'Question'}\n\n{_quoted(turn.question)}")
        parts += [f"Attached: `{_one_line(file.name)}`\n\n{_fenced(file.text)}" for file in turn.files]
        if turn.thinking:
            parts.append(
                f"<details><summary>{_summary(turn)}</summary>\n\n{_fenced(turn.thinking)}\n\n</details>"
            )
        if turn.answer:
            parts.append(turn.answer.strip())
        if turn.partial:
            parts.append(f"*({_ending(turn)})*")
    return "\n\n".join(parts) + "\n"


def to_html(session: Session, turns: Sequence[TurnRecord]) -> str:
    """The branch as one page without scripts or external references."""
    title = html.escape(_one_line(session.title))
    about = f"{_date(session.created)} · {html.escape(_one_line(session.model))} · session {html.escape(session.id)}"
    body = [f"<header><h1>{title}</h1><p>{about}</p></header>"]
    if session.system:
        body.append(
            f"<details><summary>System prompt</summary><pre>{html.escape(session.system)}</pre></details>"
        )
    for turn in turns:
        body.append(f'<section>\n<div class="question">{html.escape(turn.question)}</div>')
        body += [
            f"<details><summary>{html.escape(_one_line(file.name))}</summary><pre>{html.escape(file.text)}</pre></details>"
            for file in turn.files
        ]
        if turn.thinking:
            thinking = html.escape(turn.thinking)
            body.append(f"<details><summary>{_summary(turn)}</summary><pre>{thinking}</pre></details>")
        body.append(_html_answer(turn.answer))
        if turn.partial:
            body.append(f'<p class="meta">({_ending(turn)})</p>')
        body.append("</section>")
    return (
        f'<!doctype html>\n<html lang="en">\n<meta charset="utf-8">\n'
        f'<meta name="viewport" content="width=device-width">\n<title>{title}</title>\n'
        f"<style>{_STYLE}</style>\n" + "\n".join(body) + "\n</html>\n"
    )


def to_data(session: Session, turns: Sequence[TurnRecord]) -> dict[str, Any]:
    """The session with all its turns as JSON values; `from_data` reads it back."""
    values = dataclasses.asdict(session) | {"title": session.title}
    return {
        "v": VERSION,
        "format": FORMAT,
        "session": values,
        "turns": [dataclasses.asdict(turn) for turn in turns],
    }


def to_json(session: Session, turns: Sequence[TurnRecord]) -> str:
    """`to_data` as text."""
    return json.dumps(to_data(session, turns), ensure_ascii=False, indent=2) + "\n"


def from_json(text: str) -> tuple[Session, list[TurnRecord]]:
    """Read the output of `to_json`. Unknown fields are ignored. Raises MullError for anything else."""
    data = session_file.parse(text)
    turns = [_turn(values) for values in data["turns"]]
    names = {"name": _title(data["session"]["name"]), "auto_title": _title(data["session"]["auto_title"])}
    return _make(Session, data["session"] | names | {"turns": len(turns)}), turns


def exported(store: Store, session: Session, form: str) -> str:
    """A session as text in one of the formats."""
    if form == "json":
        return to_json(session, store.turns(session.id))
    turns = store.branch(session.id)
    return to_html(session, turns) if form == "html" else to_markdown(session, turns)


def file_name(session: Session, form: str) -> str:
    """A file name from the session's title."""
    words = re.sub(r"[^\w-]+", "-", session.title).strip("-").lower()[:40].strip("-")
    return f"mull-{words or session.id}.{form}"


def write_free(path: Path, text: str) -> Path:
    """Write an export to this path, or to one with a number if it exists; returns the path. Raises OSError."""
    numbers, chosen = itertools.count(2), path
    while not create_atomic(chosen, text):
        chosen = path.with_stem(f"{path.stem}-{next(numbers)}")
    return chosen


def write_export(path: Path, text: str, *, replace: bool, hint: str) -> None:
    """Write an export, atomically and readable by its owner only; a pipe is written to.

    Raises MullError (write_failed); without `replace` also for a file that exists (file_exists), with the hint.
    """
    with OutFile(path, mode=PRIVATE, replace=replace, hint=hint) as file:
        file.write(text)


def _turn(values: Mapping[str, Any]) -> TurnRecord:
    parts = {
        "usage": _make(Usage, values["usage"]),
        "timing": _make(Timing, values["timing"]),
        "reasoning": _make(ReasoningReport, values["reasoning"]) if values["reasoning"] else None,
        "files": tuple(_make(Attachment, file) for file in values["files"]),
    }
    return _make(TurnRecord, {"session": "", **values, **parts})


def _title(text: str | None) -> Any:
    return text and " ".join(text.split())


def _make(kind: type[_T], values: Mapping[str, Any]) -> _T:
    known = {f.name for f in dataclasses.fields(kind)}  # type: ignore[arg-type]  # all of ours are dataclasses
    return kind(**{name: value for name, value in values.items() if name in known})


def _html_answer(answer: str) -> str:
    """The answer as text, with fenced code in boxes."""
    parts = re.split(r"^```[^\n]*\n(.*?)(?:^```[ \t]*$|\Z)", answer, flags=re.MULTILINE | re.DOTALL)
    boxes = []
    for number, part in enumerate(parts):
        if part.strip():
            text = html.escape(part.strip("\n"))
            boxes.append(
                f"<pre><code>{text}</code></pre>" if number % 2 else f'<div class="answer">{text}</div>'
            )
    return "\n".join(boxes)


def _summary(turn: TurnRecord) -> str:
    tokens = f" · {turn.usage.thinking:,} tokens" if turn.usage.thinking else ""
    return f"Thought for {turn.timing.thinking:.1f} s{tokens}"


def _ending(turn: TurnRecord) -> str:
    words = {
        "length": "cut off at a limit",
        "loop": "cut off because it repeated itself",
        "thinking": "thought, but gave no answer",
        "error": "failed",
    }
    return words.get(turn.finish or "", "stopped before its end")


def _date(seconds: float) -> str:
    return time.strftime("%Y-%m-%d %H:%M", time.localtime(seconds))


def _one_line(text: str) -> str:
    """A title or name, which an import may bring: without control characters, so that `cat` shows no more than it."""
    return _CONTROLS.sub("\ufffd", " ".join(text.split()))


def _quoted(text: str) -> str:
    return "\n".join(f"> {line}".rstrip() for line in text.splitlines())


def _fenced(text: str) -> str:
    """The text in a code block, with a fence longer than any in the text."""
    longest = max((len(run) for run in re.findall(r"`{3,}", text)), default=2)
    fence = "`" * (longest + 1)
    return f"{fence}text\n{text.strip(chr(10))}\n{fence}"
