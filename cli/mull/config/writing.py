"""Writing the config file, atomically; the user's comments and order stay. One writer at a time.

Several processes may do so at once: each sees what the others have written. Raises MullError (invalid_config,
invalid_setting, unknown_setting, unknown_endpoint, unknown_alias, endpoint_exists, file_in_use), OSError.
"""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from mull.config.aliases import ALIASES, alias_of_key, check_alias, check_circles, check_free_alias
from mull.config.endpoints import (
    ENDPOINT_KEYS,
    TABLE,
    check_free,
    parsed,
    read_endpoint,
    split_key,
    unknown_endpoint,
    unknown_key,
)
from mull.config.file import LONGEST, MODELS, invalid
from mull.config.keys import KEYS, check_of_model, find_key, parse
from mull.config.listing import unknown_alias
from mull.endpoints.endpoint import Endpoint
from mull.errors import MullError
from mull.fs import paths
from mull.fs.atomic import create_atomic, write_atomic_through
from mull.fs.text import read_utf8, reason
from mull.fs.toml_text import check_toml


def save_value(path: Path, name: str, text: str | None, model: str | None = None) -> None:
    """Set one key from its text form (None: remove it); with a model's name, in its table `[models."NAME"]`."""
    with _document(path) as document:
        place = split_key(name)
        alias = alias_of_key(name)
        if model is not None:
            _change_of_model(document, model, name, text)
        elif alias is not None:
            _change_alias(document, alias, text)
        elif place is None:
            _change_key(document, name, text)
        elif text is None:
            _unset_endpoint(document, *place)
        else:
            _set_endpoint(document, *place, text)


def save_endpoint(path: Path, endpoint: Endpoint, *, replace: bool = False) -> None:
    """Add an endpoint. Raises MullError (endpoint_exists) unless it may replace one of that name."""
    import tomlkit

    with _document(path) as document:
        tables = document.setdefault(TABLE, tomlkit.table(is_super_table=True))
        if not replace:
            check_free(tables, endpoint.name)
        table = tables[endpoint.name] if endpoint.name in tables else tomlkit.table()
        for key in ENDPOINT_KEYS:
            value = getattr(endpoint, key.name)
            if value != key.default:
                table[key.name] = value
            else:
                table.pop(key.name, None)
        tables[endpoint.name] = table


@contextmanager
def edited(path: Path) -> Iterator[None]:
    """Create the file with every key as a comment, if missing, and be its only writer meanwhile."""
    with _sole_writer(path):
        create_atomic(path, "".join(f"# {key.name} = …   # {key.help}\n" for key in KEYS))
        yield


@contextmanager
def _document(path: Path) -> Iterator[Any]:
    """The file's TOML document, to be changed; it is written at the end."""
    import tomlkit  # before the lock: it takes a while, and the others wait
    from tomlkit.exceptions import ParseError

    with _sole_writer(path):
        try:
            text = read_utf8(path, most=LONGEST) if path.exists() else ""
            check_toml(text)
            document = tomlkit.parse(text)
        except (OSError, ValueError, RecursionError, ParseError) as error:
            raise invalid(path, f"cannot be read: {reason(error)}") from error
        yield document
        text = tomlkit.dumps(document)
        write_atomic_through(path, text if text.endswith("\n") or not text else f"{text}\n")


@contextmanager
def _sole_writer(path: Path) -> Iterator[None]:
    from mull.fs.lock import FileInUse, locked

    paths.private_dir(path.parent)
    try:
        with locked(path):
            yield
    except FileInUse as error:
        raise MullError("file_in_use", f"{error.strerror}.", "Close the editor that has it open.") from error


def _change_key(document: Any, name: str, text: str | None) -> None:
    is_theme = name == "theme" and isinstance(document.get(name), dict)  # [theme] has single styles
    if text is None:
        if is_theme:
            document[name].pop("base", None)  # the single styles stay
        elif name in document:  # an unknown key in the file is removed too: it makes the file invalid
            document.pop(name)
        else:
            find_key(name)
        return
    key = find_key(name)
    try:
        value = parse(name, text)
        if is_theme:
            document[name]["base"] = value
        else:
            document[name] = value
    except ValueError as error:
        raise MullError("invalid_setting", f"mull config set {error}.", f"{name}: {key.help}.") from error


def _change_alias(document: Any, alias: str, text: str | None) -> None:
    import tomlkit

    table = document.get(ALIASES, {})
    if text is None:
        if alias not in table:
            raise unknown_alias(alias, table)
        del table[alias]
        if not table:
            document.pop(ALIASES)
        return
    try:
        model = check_alias(alias, text)
        check_free_alias(alias)
        check_circles({**table, alias: model})
    except ValueError as error:
        hint = f"{ALIASES}.{alias}: what -m {alias} means."
        raise MullError("invalid_setting", f"mull config set {error}.", hint) from error
    document.setdefault(ALIASES, tomlkit.table())[alias] = model


def _change_of_model(document: Any, model: str, name: str, text: str | None) -> None:
    import tomlkit

    tables = document.get(MODELS, {})
    spelled = next((one for one in tables if one.casefold() == model.casefold()), model)
    if text is None:
        if name in tables.get(spelled, {}):
            del tables[spelled][name]
            if not tables[spelled]:
                del tables[spelled]
            if not tables:
                document.pop(MODELS)
        else:
            find_key(name)
        return
    key = find_key(name)
    try:
        value = check_of_model(model, name, parse(name, text))
    except ValueError as error:
        raise MullError("invalid_setting", f"mull config set {error}.", f"{name}: {key.help}.") from error
    tables = document.setdefault(MODELS, tomlkit.table(is_super_table=True))
    tables.setdefault(spelled, tomlkit.table())[name] = value


def _set_endpoint(document: Any, name: str, key: str | None, text: str) -> None:
    """Set `endpoints.NAME.KEY`; a `url` makes the table."""
    import tomlkit

    tables = document.setdefault(TABLE, tomlkit.table(is_super_table=True))
    known = {one.name: one for one in ENDPOINT_KEYS}
    if key not in known:
        raise unknown_key(key or "")
    if name not in tables and key != "url":
        raise unknown_endpoint(name, tables)
    try:
        value = parsed(name, key, text)
        read_endpoint(name, {**tables.get(name, {}), key: value})
        tables.setdefault(name, tomlkit.table())[key] = value
    except ValueError as error:
        raise MullError(
            "invalid_setting", f"mull config set {error}.", f"{key}: {known[key].help}."
        ) from error


def _unset_endpoint(document: Any, name: str, key: str | None) -> None:
    """Remove `endpoints.NAME.KEY`, or with None the whole table. An unknown key in the file is removed too."""
    tables = document.get(TABLE, {})
    if name not in tables:
        raise unknown_endpoint(name, tables)
    if key is None:
        del tables[name]
        if not tables:
            document.pop(TABLE)
    elif key == "url":
        raise MullError(
            "invalid_setting", "An endpoint needs its url.", f"mull endpoints rm {name} removes it."
        )
    elif key in tables[name]:
        tables[name].pop(key)
    elif key not in {one.name for one in ENDPOINT_KEYS}:
        raise unknown_key(key)
