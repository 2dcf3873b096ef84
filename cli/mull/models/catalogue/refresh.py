"""Install a newer catalogue from a URL or a path.

In: an http(s) URL or a path. Out: the validated file in the config folder, written atomically. Raises MullError and
leaves the old file unchanged.
"""

from __future__ import annotations

from pathlib import Path
from typing import Any
from urllib.error import URLError
from urllib.parse import urlsplit

from mull.errors import MullError
from mull.fs.atomic import write_atomic
from mull.fs.paths import private_dir
from mull.models.catalogue.catalogue import FETCHED, bundled_date, check, parse_text

LARGEST = 4 << 20  # bytes; the catalogue has a fortieth of that
_SECONDS = 20.0


def refresh(source: str, config_dir: Path) -> tuple[int, str]:
    """Fetch, validate and install a catalogue; returns its number of models and its date. Raises MullError."""
    data = _fetch(source) if urlsplit(source).scheme in {"http", "https"} else _read(source)
    if len(data) > LARGEST:
        raise MullError(
            "invalid_catalogue", f"{source} is too large to be a catalogue ({LARGEST >> 20} MiB at most)."
        )
    try:
        text = data.decode("utf-8")
    except UnicodeDecodeError as error:
        raise MullError(
            "invalid_catalogue", f"{source} is not a text file.", "Give the address of a models.toml."
        ) from error
    tables, updated = parse_text(text, source)
    check(tables, source)
    count = len(tables)
    ours = bundled_date()
    if count and updated < ours:
        age = f"is dated {updated}" if updated else "has no date"
        raise MullError(
            "outdated_catalogue",
            f"{source} {age}; mull's bundled catalogue is dated {ours}.",
            "Nothing was changed.",
        )
    if not count:
        raise MullError(
            "invalid_catalogue", f"{source} lists no model.", "Give the address of a models.toml."
        )
    write_atomic(private_dir(config_dir) / FETCHED, data)
    return count, updated


def _read(source: str) -> bytes:
    try:
        with Path(source).expanduser().open("rb") as file:
            return file.read(LARGEST + 1)
    except OSError as error:
        raise MullError("file_unreadable", f"{source} cannot be read: {error.strerror or error}.") from error


def _fetch(address: str) -> bytes:
    from urllib.request import HTTPRedirectHandler, Request, build_opener

    class SafeRedirects(HTTPRedirectHandler):
        """Follows redirects to http and https, but not from https to http."""

        def redirect_request(
            self, req: Request, fp: Any, code: int, msg: str, headers: Any, newurl: str
        ) -> Any:
            scheme = urlsplit(newurl).scheme.lower()
            if scheme not in {"http", "https"} or (req.type == "https" and scheme == "http"):
                raise URLError(f"it redirects to {scheme}, which is not secure")
            return super().redirect_request(req, fp, code, msg, headers, newurl)

    try:
        with build_opener(SafeRedirects).open(address, timeout=_SECONDS) as answer:
            data: bytes = answer.read(LARGEST + 1)
            return data
    except (URLError, OSError, ValueError) as error:
        reason = getattr(error, "reason", None) or error
        raise MullError(
            "connection_failed", f"{address} cannot be fetched: {reason}.", "Check the address."
        ) from error
