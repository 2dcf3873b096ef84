"""The events of jobs that are not a turn: a download, and the progress of a batch.

A download is an iterator of `PullEvent`: one `PullStarted` before the first byte, then exactly one `PullDone`, last;
failures are raised, not yielded. A batch reports `BatchProgress`. They are apart from `events.py` because a question
needs none of them, and creating a dataclass costs its start-up up to a millisecond.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, NamedTuple

from mull.dataclass import dataclass
from mull.events import Notice

if TYPE_CHECKING:
    from pathlib import Path


@dataclass(frozen=True, slots=True)
class PullStarted:
    """The plan of a download: its files and bytes. An earlier, interrupted pull left `present` of these bytes."""

    model: str
    files: int
    bytes: int
    present: int


class FileProgress(NamedTuple):
    """One file of several, `part 1 of 3` for a split model's: `done` of `total` bytes."""

    name: str
    done: int
    total: int


@dataclass(frozen=True, slots=True)
class DownloadProgress:
    """`done` of `total` bytes. `doing`: "downloading", or what delays it ("checking what is here", "waiting …").

    `files`: those of a split model, in order.
    """

    done: int
    total: int
    doing: str = "downloading"
    files: tuple[FileProgress, ...] = ()


@dataclass(frozen=True, slots=True)
class PullDone:
    """The model is on disk. `fetched` of its bytes were downloaded; `verified`: its digest matched the published one.

    `already`: it was complete before. `source`: which tool's copy it is, where that is not the Hub's cache.
    """

    model: str
    path: Path
    bytes: int
    fetched: int
    seconds: float
    verified: bool
    sha256: tuple[str, ...] = ()
    already: bool = False
    source: str = "hub"


PullEvent = Notice | PullStarted | DownloadProgress | PullDone
"""What a download yields."""


@dataclass(frozen=True, slots=True)
class BatchProgress:
    """`done` lines of `total` have a result (total None: unknown), `failed` of them an error.

    `skipped` of the done ones were finished by an earlier run. This run generated `tokens` in `seconds`. `waiting`
    lines failed in a way that may pass, and will be asked again.
    """

    done: int = 0
    total: int | None = None
    failed: int = 0
    skipped: int = 0
    waiting: int = 0
    tokens: int = 0
    seconds: float = 0.0

    @property
    def rate(self) -> float:
        """Generated tokens per second over all lines; 0.0 while unknown."""
        return self.tokens / self.seconds if self.seconds > 0 else 0.0

    @property
    def seconds_left(self) -> float | None:
        """Remaining seconds at this run's pace; None while unknown."""
        here = self.done - self.skipped
        if self.total is None or not here:
            return None
        return (self.total - self.done) * self.seconds / here
