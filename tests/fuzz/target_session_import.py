"""The import of a session: all of it or nothing; what is stored is listed, searched, exported and imported again."""

from __future__ import annotations

import dataclasses

from mull.commands._session_text import exported, time_text
from mull.errors import MullError
from mull.store import export
from mull.store.sessions import open_store


def check(data: bytes) -> None:
    try:
        session, turns = export.from_json(
            data.decode("utf-8", "surrogatepass" if data[:1] == b"{" else "replace")
        )
    except UnicodeDecodeError:
        return
    except MullError as error:
        assert error.code == "invalid_session_file"
        assert len(error.message) < 1000
        return
    with open_store(None) as store:
        copy = store.insert(session, turns)
        assert [each.id for each in store.sessions()] == [copy.id]
        assert time_text(copy.updated)
        same = {"leaf": None, "state": {}, "updated": min(copy.updated, session.updated)}
        assert dataclasses.replace(copy, **same) == dataclasses.replace(session, **same)
        for form in ("md", "html"):
            exported(store, copy, form).encode()
        text = exported(store, copy, "json")
        assert export.from_json(text) == (copy, store.turns(copy.id))
        store.search("why")
        store.messages(copy.id)
