"""Find turns by full-text search, and sessions by the beginning of their id or title.

In: an open database and the user's query, in which every word is quoted (no FTS syntax). Out: hits with a snippet, the
newest first, which needs no ranking of 50,000 rows. A plain scan finds what the index can't: text without words,
scripts without spaces, and turns that are still running. Raises UsageError for an unknown or ambiguous session.
"""

from __future__ import annotations

import re
import sqlite3
from collections.abc import Sequence

from mull.errors import MullError, UsageError
from mull.fs.text import is_unicode
from mull.store.records import Hit, Session, moment, title_of

LONGEST_NAME = 80
_NAMED = 4  # candidates that an error lists

OPEN, CLOSE = "\x02", "\x03"  # enclose a match inside a snippet
SNIPPET_WORDS = 14
_SNIPPET = {"open": OPEN, "close": CLOSE, "words": SNIPPET_WORDS}
SHORTEST_PREFIX = (
    3  # letters; a shorter last word is not searched as a prefix, which would match thousands of words
)
_AROUND = 60  # characters on each side of a match of the plain scan
_FIELDS = ("answer", "question", "thinking")

# Only the inner query uses the index; ORDER BY rowid is its own order, so LIMIT stops it early.
_INDEXED = """
SELECT found.*, sessions.id AS session, sessions.name, sessions.auto_title, turns.started
FROM (
    SELECT rowid AS turn, snippet(words, 0, :open, :close, '…', :words) AS question,
        snippet(words, 1, :open, :close, '…', :words) AS thinking,
        snippet(words, 2, :open, :close, '…', :words) AS answer
    FROM words WHERE words MATCH :wanted ORDER BY rowid DESC LIMIT :limit
) AS found
JOIN turns ON turns.id = found.turn JOIN sessions ON sessions.id = turns.session
ORDER BY found.turn DESC
"""
_SCAN = """
SELECT turns.id AS turn, sessions.id AS session, sessions.name, sessions.auto_title, turns.started,
    turns.question, turns.thinking, turns.answer
FROM turns JOIN sessions ON sessions.id = turns.session
WHERE (question LIKE :wanted ESCAPE '!' OR thinking LIKE :wanted ESCAPE '!' OR answer LIKE :wanted ESCAPE '!')
"""
_SCAN_ALL = _SCAN + "ORDER BY turns.id DESC LIMIT :limit"
_SCAN_RUNNING = (
    _SCAN + "AND turns.finish IS NULL ORDER BY +turns.id DESC LIMIT :limit"
)  # +: by the index turns_running
# Compiled by the first search: that takes 2 ms.
_SPACELESS = r"[\u0e00-\u0eff\u1000-\u109f\u1780-\u17ff\u3040-\u30ff\u3400-\u9fff\uf900-\ufaff]"


def search_words(db: sqlite3.Connection, query: str, limit: int) -> list[Hit]:
    """At most `limit` turns. Quoted parts are phrases; the last word is a prefix."""
    query = query.replace("\0", " ").encode(errors="replace").decode()
    text = query.strip().strip('"').strip()
    if not text:
        return []
    expression = _expression(query)
    found: list[sqlite3.Row] = []
    if expression:
        found = db.execute(_INDEXED, {"wanted": expression, "limit": limit, **_SNIPPET}).fetchall()
    pattern = "%" + re.sub(r"([!%_])", r"!\1", text) + "%"
    everything = not found and (not expression or re.search(_SPACELESS, text))
    scanned = db.execute(
        _SCAN_ALL if everything else _SCAN_RUNNING, {"wanted": pattern, "limit": limit}
    ).fetchall()
    hits = [_hit(row, {name: _around(row[name], text) for name in _FIELDS}) for row in scanned]
    return (hits + [_hit(row, {name: row[name] for name in _FIELDS}) for row in found])[:limit]


def _expression(query: str) -> str:
    """The query in FTS5 syntax, with all of the user's text quoted. Empty for a query without words."""
    parts = re.findall(r'"([^"]*)"|([^\s"]+)', query)
    terms = [(phrase or word).strip() for phrase, word in parts]
    terms = [term for term in terms if re.search(r"\w", term)]
    if not terms:
        return ""
    open_ended = "*" if len(parts[-1][1]) >= SHORTEST_PREFIX else ""
    return " ".join(f'"{term}"' for term in terms) + open_ended


def _hit(row: sqlite3.Row, texts: dict[str, str]) -> Hit:
    """The hit of a row, with the first field that has a match, answers first."""
    field = next((name for name in _FIELDS if OPEN in texts[name]), "question")
    return Hit(
        session=row["session"],
        title=row["name"] or row["auto_title"],
        turn=row["turn"],
        field=field,
        snippet=_clipped(texts[field]) if OPEN in texts[field] else title_of(texts[field]),
        when=moment(row["started"]),
    )


def _around(text: str, wanted: str) -> str:
    at = text.casefold().find(wanted.casefold())
    if at < 0:
        return text[: 2 * _AROUND]
    end = at + len(wanted)
    head, tail = max(at - _AROUND, 0), min(end + _AROUND, len(text))
    return (
        ("…" if head else "")
        + f"{text[head:at]}{OPEN}{text[at:end]}{CLOSE}{text[end:tail]}"
        + ("…" if tail < len(text) else "")
    )


def _clipped(snippet: str) -> str:
    """One line with a limited number of characters on each side of the first match."""
    line = " ".join(snippet.split())
    start, end = line.index(OPEN), line.index(CLOSE)
    head, tail = max(start - 2 * _AROUND, 0), end + 2 * _AROUND
    return ("…" if head else "") + line[head:tail] + ("…" if tail < len(line) else "")


def proper_name(name: str) -> str:
    """A session name on one line. Raises UsageError for one that is empty, too long, or not UTF-8."""
    name = " ".join(name.split())
    if not 0 < len(name) <= LONGEST_NAME:
        raise UsageError(
            "invalid_session_name", f"A name has 1 to {LONGEST_NAME} characters.", "Choose another one."
        )
    if not is_unicode(name):
        raise UsageError("invalid_session_name", "The name is not UTF-8 text.", "Choose another one.")
    return name


def choose(sessions: Sequence[Session], wanted: str, *, exact: bool = False) -> Session:
    """The only session that begins with `wanted`; `exact`: all `sessions` match it. Raises UsageError."""
    found = [session for session in sessions if exact or (wanted and _begins(session, wanted))]
    if len(found) == 1:
        return found[0]
    if not found:
        hint = "mull sessions list shows what there is."
        raise MullError("unknown_session", f'There is no session "{wanted}".', hint)
    names = ", ".join(f"{session.id} ({session.title})" for session in found[:_NAMED])
    more = f" and {len(found) - _NAMED} more" if len(found) > _NAMED else ""
    raise UsageError("ambiguous_session", f'"{wanted}" matches {names}{more}.', "Give more of its name.")


def _begins(session: Session, wanted: str) -> bool:
    return session.id.startswith(wanted.lower()) or session.title.casefold().startswith(wanted.casefold())
