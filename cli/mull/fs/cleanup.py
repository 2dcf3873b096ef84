"""Close what was opened where the work on it fails, by an error or an interruption."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from typing import Protocol


class Closable(Protocol):
    """A file, a socket, a model."""

    def close(self) -> object: ...


@contextmanager
def closed_on_failure(opened: Closable) -> Iterator[None]:
    """Close it if the block raises anything, which is raised on; leave it open otherwise."""
    try:
        yield
    except BaseException:
        opened.close()
        raise
