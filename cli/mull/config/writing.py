"""Writing the config file, atomically; the user's comments and order stay. One writer at a time.

Raises MullError (invalid_config, invalid_setting, unknown_setting, file_in_use), OSError.
"""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from mull.config.file import LONGEST, invalid
from mull.config.keys import KEYS, find_key, parse
from mull.errors import MullError
from mull.fs import paths
from mull.fs.atomic import create_atomic, write_atomic_through
from mull.fs.text import read_utf8, reason
from mull.fs.toml_text import check_toml


def save_value(path: Path, name: str, text: str | None) -> None:
    """Set one key from its text form (None: remove it), preserving comments and order. Raises MullError, OSError.

    Several processes may do so at once: each sees what the others have written.
    """
    import tomlkit  # noqa: F401 - it takes a while, and the others wait

    with _sole_writer(path):
        _save_value(path, name, text)


@contextmanager
def edited(path: Path) -> Iterator[None]:
    """Create the file with every key as a comment, if missing, and be its only writer meanwhile. Raises as above."""
    with _sole_writer(path):
        create_atomic(path, "".join(f"# {key.name} = …   # {key.help}\n" for key in KEYS))
        yield


@contextmanager
def _sole_writer(path: Path) -> Iterator[None]:
    from mull.fs.lock import FileInUse, locked

    paths.private_dir(path.parent)
    try:
        with locked(path):
            yield
    except FileInUse as error:
        raise MullError("file_in_use", f"{error.strerror}.", "Close the editor that has it open.") from error


def _save_value(path: Path, name: str, text: str | None) -> None:
    import tomlkit
    from tomlkit.exceptions import ParseError

    try:
        text_now = read_utf8(path, most=LONGEST) if path.exists() else ""
        check_toml(text_now)
        document = tomlkit.parse(text_now)
    except (OSError, ValueError, RecursionError, ParseError) as error:
        raise invalid(path, f"cannot be read: {reason(error)}") from error
    if text is None:
        if name == "theme" and isinstance(document.get(name), dict):
            document[name].pop("base", None)  # the single styles stay
        elif name in document:  # an unknown key in the file is removed too: it makes the file invalid
            document.pop(name)
        else:
            find_key(name)
    else:
        key = find_key(name)
        try:
            value = parse(name, text)
            if name == "theme" and isinstance(document.get(name), dict):  # [theme] has single styles
                document[name]["base"] = value
            else:
                document[name] = value
        except ValueError as error:
            raise MullError("invalid_setting", f"mull config set {error}.", f"{name}: {key.help}.") from error
    write_atomic_through(path, tomlkit.dumps(document))
