"""Measured throughput of this machine: whether restoring a cached state is faster than computing it.

In: counts and seconds. Out: estimates in seconds. The newest measurement weighs half; before the first one, estimates
are cautious. Stored in a small JSON file beside the states; a damaged file is ignored and replaced.
"""

from __future__ import annotations

import json
from contextlib import suppress
from dataclasses import asdict, dataclass, fields
from pathlib import Path

from mull.fs.atomic import write_atomic

_RESTORE = 1e9  # bytes per second, before it was measured
_SAVE = 0.4e9


@dataclass(slots=True)
class Throughput:
    """Prompt tokens per second, and bytes per second of states restored and saved. 0: not measured."""

    prompt: float = 0.0
    restore: float = 0.0
    save: float = 0.0

    @classmethod
    def load(cls, path: Path) -> Throughput:
        """What the file says; nothing measured where it cannot be read."""
        with suppress(OSError, ValueError, TypeError, AttributeError):
            stored = json.loads(path.read_text(encoding="utf-8"))
            return cls(**{field.name: max(0.0, float(stored.get(field.name, 0))) for field in fields(cls)})
        return cls()

    def write(self, path: Path) -> None:
        """Store it, if the disk allows."""
        with suppress(OSError):
            write_atomic(path, json.dumps(asdict(self)))

    def fill(self, stored: Throughput) -> None:
        """Take over what was not measured in this process."""
        for field in fields(self):
            if not getattr(self, field.name):
                setattr(self, field.name, getattr(stored, field.name))

    def record_prefill(self, tokens: int, seconds: float) -> None:
        """A batch of so many prompt tokens took so long."""
        self.prompt = _mean(self.prompt, tokens, seconds)

    def record_restore(self, size: int, seconds: float) -> None:
        """Restoring a state of `size` bytes took so long."""
        self.restore = _mean(self.restore, size, seconds)

    def record_save(self, size: int, seconds: float) -> None:
        """Saving a state of `size` bytes took so long."""
        self.save = _mean(self.save, size, seconds)

    def prefill_seconds(self, tokens: int) -> float:
        """Seconds to compute so many tokens of a prompt; 0 when that was never measured."""
        return tokens / self.prompt if self.prompt else 0.0

    def restore_seconds(self, size: int) -> float:
        """Seconds to restore a state of `size` bytes."""
        return size / (self.restore or _RESTORE)

    def save_seconds(self, size: int) -> float:
        """Seconds to copy and write a state of `size` bytes."""
        return size / (self.save or _SAVE)


def _mean(before: float, amount: float, seconds: float) -> float:
    now = amount / max(seconds, 1e-9)
    return (before + now) / 2 if before else now
