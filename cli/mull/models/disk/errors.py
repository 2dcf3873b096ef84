"""Failures of the disk that holds the model cache, as errors that say what to do.

In: an OSError. Out: a MullError (disk_full, cache_read_only, cache_failed). HTTP errors of huggingface_hub, which are
OSErrors too, are raised unchanged.
"""

from __future__ import annotations

import errno
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from mull.errors import MullError

_FULL = frozenset({errno.ENOSPC, errno.EDQUOT, errno.EFBIG})
_FORBIDDEN = frozenset({errno.EACCES, errno.EPERM, errno.EROFS})


def _is_http(error: OSError) -> bool:
    from huggingface_hub.errors import HfHubHTTPError

    return isinstance(error, HfHubHTTPError)


@contextmanager
def os_errors_as_mull_errors(cache: Path) -> Iterator[None]:
    """Raise a MullError in place of an OSError of the disk."""
    try:
        yield
    except OSError as error:
        if _is_http(error):
            raise
        raise disk_error(error, cache) from error


def disk_error(error: OSError, cache: Path) -> MullError:
    """The MullError for an OSError of the disk."""
    if error.errno in _FULL:
        return MullError(
            "disk_full",
            f"The disk is full ({cache}).",
            "Free some space and run the same command again; the download is resumed. HF_HOME moves the cache.",
        )
    if error.errno in _FORBIDDEN:
        return MullError(
            "cache_read_only",
            f"The model cache cannot be written: {cache}.",
            "Check its permissions, or set HF_HOME to a folder that is yours.",
        )
    why = error.strerror or str(error)
    return MullError("cache_failed", f"The model cache {cache} failed: {why}.", "HF_HOME moves the cache.")
