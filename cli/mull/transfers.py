"""What a download says while it runs: frozen values between the library and a screen.

A pull is an iterator of these: `Notice`s anywhere, one `Started` before the first byte, any number of
`DownloadProgress`,
then exactly one `PullDone`, last. Sizes are bytes, times seconds. A failure is raised, not yielded.
"""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

from mull.events import Notice


@dataclass(frozen=True, slots=True)
class Started:
    """The plan: so many files and bytes, of which `present` are here from an earlier, interrupted pull."""

    model: str
    files: int
    bytes: int
    present: int


@dataclass(frozen=True, slots=True)
class DownloadProgress:
    """How far it is. `doing`: "downloading", or what holds it up ("checking what is here", "waiting …")."""

    done: int
    total: int
    doing: str = "downloading"


@dataclass(frozen=True, slots=True)
class PullDone:
    """The model is on the disk. `fetched` bytes came over the network; `verified`: the digest was compared.

    `already`: nothing had to be done. `source`: whose file it is, when another tool keeps it.
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


Transfer = Notice | Started | DownloadProgress | PullDone


def size_text(size: int) -> str:
    """A number of bytes in words: decimal units, as the Hub and the makers of disks count."""
    value = float(size)
    for unit in ("bytes", "kB", "MB", "GB", "TB"):
        if value < 1000 or unit == "TB":
            return f"{value:.0f} {unit}" if unit == "bytes" or value >= 100 else f"{value:.1f} {unit}"
        value /= 1000
    return ""
