"""The pickers of the chat: which rows they have, for /model, /open, /effort, /theme and /template.

In: the chat. Out: what the user picked; None where nothing was, or where no picker can be drawn.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, get_args

from mull.commands._session_text import time_text
from mull.commands.chat.session import Chat
from mull.errors import MullError
from mull.fs import paths
from mull.settings import Effort
from mull.store.records import Session
from mull.terminal.console.quantities import counted
from mull.terminal.console.sanitize import one_line
from mull.terminal.console.style import Styled
from mull.terminal.console.theme import ABOUT, THEMES, ThemeName
from mull.terminal.input.picker import Row, can_pick, pick

if TYPE_CHECKING:
    from mull.models.inventory import InventoryItem

MOST_SESSIONS = 500
ENDPOINT_SECONDS = 1.0
"""What opening the picker may wait for endpoints."""
_EFFORTS = {
    "low": "think briefly",
    "medium": "think for a while",
    "high": "think for long",
    "auto": "as long as the model does by itself",
}


def pick_model(chat: Chat) -> str | None:
    """A name as `/model` takes it: the installed models first, then what runs well here, then the rest."""
    if not can_pick(chat.streams):  # then the list would be made in vain
        return None
    from mull.backends.load_plan import this_machine
    from mull.backends.recommendation import recommended
    from mull.commands._inventory import all_rows
    from mull.models.catalogue.catalogue import load_catalogue

    models = all_rows(load_catalogue(paths.config_dir()), this_machine())
    best = recommended()
    name = best.name if best else ""
    models.sort(key=lambda one: (not one.installed, one.name != name, _worse(one)))
    rows = [_model_row(chat, one, recommended=one.name == name) for one in models]
    first = next((i for i, one in enumerate(models) if not one.installed), len(rows))
    rows[first:first] = _endpoint_rows(chat)
    now = chat.model_name
    at = next((i for i, row in enumerate(rows) if row.title == now), -1)
    if at < 0:  # a file that is in none of the known folders, or a server that was named by its URL
        value = str(chat.address) if chat.address else chat.backend.location
        rows, at = [Row(value, now, preview=chat.backend.location, style="accent"), *rows], 0
    return pick(chat.streams, "Model", rows, at=at)


def _endpoint_rows(chat: Chat) -> list[Row[str]]:
    """The models of the endpoints; of one that does not answer soon, those that it had, else its name."""
    from mull.endpoints.known_models import known_models

    endpoints = chat.config.model.endpoints
    known = known_models(endpoints.values(), wait=ENDPOINT_SECONDS)
    here = "●" if chat.streams.unicode else "+"
    rows = []
    for endpoint in endpoints.values():
        preview = f"{endpoint.name}: {endpoint.url}"
        for name in known[endpoint.name]:
            value = f"{name}@{endpoint.name}"
            rows.append(Row(value, value, ("endpoint",), preview, mark=here, style="accent"))
        if not known[endpoint.name]:
            value = f"@{endpoint.name}"
            rows.append(Row(value, value, ("endpoint",), f"{preview}, no models known", style="muted"))
    return rows


def _worse(model: InventoryItem) -> int:
    """How badly a model fits a chat here: 0 well, 1 slowly, or a base model, 2 not at all or unknown."""
    from mull.commands._models_table import is_brisk

    if model.plan is None or not model.plan.fits:
        return 2
    return 0 if is_brisk(model.plan) and not model.base else 1


def _how_to_get(size: str) -> str:
    from mull.models.hub.environment import offline

    return f"{variable} is set" if (variable := offline()) else f"Enter offers the download ({size})"


def _model_row(chat: Chat, model: InventoryItem, *, recommended: bool) -> Row[str]:
    from mull.commands._models_table import VERDICT_STYLES, plain

    name, size, licence, thinks, _, verdict, context, speed = plain(model)
    here, star = ("●", "★") if chat.streams.unicode else ("+", "*")
    facts = [
        "recommended" if recommended else "",
        "installed" if model.installed else f"not installed: {_how_to_get(size)}",
        "continues text and answers no questions" if model.base else "",
        licence,
        f"thinks: {thinks}" if thinks else "",
        f"{context} context" if context else "",
        f"{speed} tokens/s (estimate)" if speed else "",
        model.entry.made_by if model.entry else "",
    ]
    return Row(
        name,
        name,
        (Styled(verdict, VERDICT_STYLES[model.plan.verdict] if model.plan else ""), size),
        ", ".join(filter(None, facts)),
        mark=star if recommended else here if model.installed else "",
        style="accent" if model.installed else "muted" if _worse(model) == 2 else "",
    )


def pick_session(chat: Chat) -> Session | None:
    """A saved conversation, the last used first; a note says if there is none."""
    store = chat.conversation.branch.store
    current = chat.conversation.branch.session
    found = [one for one in store.sessions(MOST_SESSIONS) if one.turns]
    if not found:
        chat.note("No conversation has been saved yet.")
    previews = store.previews(MOST_SESSIONS)
    rows = [
        Row(
            one,
            one.title,
            (time_text(one.updated), counted(one.turns, "turn"), one.model),
            _preview(one, *previews.get(one.leaf or 0, ("", ""))),
            mark=("●" if chat.streams.unicode else "*") if current and one.id == current.id else "",
        )
        for one in found
    ]
    return pick(chat.streams, "Conversation", rows)


def _preview(session: Session, question: str, answer: str) -> str:
    """The last turn; without its question, if that is what the title says."""
    said = one_line(question).startswith(one_line(session.title).rstrip("…"))
    return "\n".join(filter(None, ("" if said else question, answer)))


def pick_effort(chat: Chat) -> str | None:
    """A level, or auto."""
    now = chat.conversation.preferences.reasoning.effort or "auto"
    words = (*get_args(Effort), "auto")
    rows = [Row(word, word, (_EFFORTS[word],)) for word in words]
    return pick(chat.streams, "How much to think", rows, at=words.index(now))


def pick_theme(chat: Chat) -> ThemeName | None:
    """A theme."""
    rows = [Row(name, name, (ABOUT[name],)) for name in THEMES]
    return pick(chat.streams, "Theme", rows, at=THEMES.index(chat.streams.palette.choice.name))


def pick_template(chat: Chat) -> str | None:
    """The name of a prompt template that can be read."""
    from mull.prompt_templates.files import all_files, working_folder
    from mull.prompt_templates.template import read

    rows = []
    for path in all_files(working_folder()):
        try:
            found = read(path)
        except MullError as error:
            rows.append(Row(path.stem, path.stem, ("cannot be used",), error.message, style="muted"))
        else:
            text = found.prompt or found.system or ""
            rows.append(Row(found.name, found.name, (found.description,), f"{text} ({found.path})"))
    return pick(chat.streams, "Prompt template", rows)
