"""Export a session as Markdown, or as JSON that can be imported; write exports to files.

In: a session and its turns. Out: text. Markdown contains the current branch, JSON all branches. `page/` makes HTML.
"""

from __future__ import annotations

import dataclasses
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
from mull.store.records import Attachment, Session, TurnRecord, token_ids

_T = TypeVar("_T")
FORMAT = "mull session"
VERSION = 1

_CONTROLS = re.compile(r"[\x00-\x1f\x7f-\x9f]")


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
            parts.append(f"*({ending(turn)})*")
    return "\n\n".join(parts) + "\n"


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
        "tokens": token_ids(values.get("tokens")),
    }
    return _make(TurnRecord, {"session": "", **values, **parts})


def _title(text: str | None) -> Any:
    return text and " ".join(text.split())


def _make(kind: type[_T], values: Mapping[str, Any]) -> _T:
    known = {f.name for f in dataclasses.fields(kind)}  # type: ignore[arg-type]  # all of ours are dataclasses
    return kind(**{name: value for name, value in values.items() if name in known})


def _summary(turn: TurnRecord) -> str:
    tokens = f" · {turn.usage.thinking:,} tokens" if turn.usage.thinking else ""
    return f"Thought for {turn.timing.thinking:.1f} s{tokens}"


def ending(turn: TurnRecord) -> str:
    """Why the turn has no complete answer."""
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
