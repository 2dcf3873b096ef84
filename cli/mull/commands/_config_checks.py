"""What `mull config set` finds out about a value that names files or a model, before it is saved.

In: a setting's name and the text of its value. Out: the text to save, with whole paths, and notices on what is missing
now. Raises MullError for what could never work: no chat template, no text, no GGUF.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from pathlib import Path

from mull.commands._chat_template import template_choice
from mull.commands._system import MARK, system_text, user_file
from mull.config import Config
from mull.config.aliases import alias_of_key
from mull.config.lists import join_list, split_or_none
from mull.errors import MullError
from mull.models.gguf.magic import check_gguf
from mull.models.naming.reference import is_path
from mull.settings import draft_model_in, parse_lora

Checked = tuple[str, list[str]]


def checked(name: str, value: str, settings: Callable[[], Config]) -> Checked:
    """The value to save, and sentences on what it names and does not exist yet. `settings`: those of the file."""
    if alias_of_key(name) or name == "model":
        return _model(value, settings)
    if name == "draft" and draft_model_in(value):
        return _model(value, settings)
    return _FILES[name](value) if name in _FILES else (value, [])


def _model(value: str, read: Callable[[], Config]) -> Checked:
    """A model; the path of a file counts from here, wherever it is used."""
    from mull.models.resolve import find

    path = Path(value)
    if is_path(value) and path.is_file():
        value = str(path.absolute())
    try:
        settings = read()
    except MullError:  # the file is broken, and this may be what repairs it
        return value, []
    try:
        find(settings.expand(value.strip()), folders=settings.model_folders(), endpoints=settings.endpoints)
    except MullError as error:
        return value, [f"{error.message} {error.hint}".strip()]
    return value, []


def _chat_template(value: str) -> Checked:
    path = user_file(value)
    if not path.exists() and (path.suffix or is_path(value)):
        return str(path.absolute()), [_missing(path)]
    return template_choice(value), []


def _system(value: str) -> Checked:
    if not value.startswith(MARK) or value.startswith(MARK * 2):
        return value, []
    path = user_file(value[len(MARK) :]).absolute()
    if value[len(MARK) :].strip() and not path.exists():
        return f"{MARK}{path}", [_missing(path)]
    system_text(value)
    return f"{MARK}{path}", []


def _lora(value: str) -> Checked:
    given, notices = [], []
    for adapter in split_or_none(value) or ():
        try:
            file, _ = parse_lora(adapter)
        except ValueError:  # said by the check of every value
            return value, []
        path = user_file(file).absolute()
        given.append(f"{path}{adapter[len(file) :]}")
        if path.exists():
            check_gguf(path)
        else:
            notices.append(_missing(path))
    return join_list(given) if given else value, notices


def _folders(value: str) -> Checked:
    folders = [user_file(folder) for folder in split_or_none(value) or ()]
    notices = [f"There is no folder {one} yet." for one in folders if not one.is_dir()]
    return join_list([str(one.absolute()) for one in folders]) if folders else value, notices


_FILES: Mapping[str, Callable[[str], Checked]] = {
    "chat_template": _chat_template,
    "system": _system,
    "lora": _lora,
    "model_folders": _folders,
}


def _missing(path: Path) -> str:
    return f"There is no file {path.absolute()} yet; it is needed before a question can be asked."
