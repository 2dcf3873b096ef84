"""Measured throughput of this machine: whether restoring a cached state is faster than computing it.

In: counts and seconds. Out: estimates in seconds. The newest measurement weighs half; before the first one, estimates
are cautious. Stored in a JSON cache beside the states, by family; damaged values are ignored.
"""

from __future__ import annotations

from contextlib import suppress
from dataclasses import asdict, dataclass, fields

from mull.fs.json_cache import JsonCache

_RESTORE = 1e9  # bytes per second, before it was measured
_SAVE = 0.4e9


@dataclass(slots=True)
class Throughput:
    """Prompt tokens per second, and bytes per second of states restored and saved. 0: not measured."""

    prompt: float = 0.0
    restore: float = 0.0
    save: float = 0.0

    @classmethod
    def load(cls, cache: JsonCache, family: str) -> Throughput:
        """What other processes measured with this family of states."""
        stored = cache.get(family) or {}
        with suppress(ValueError, TypeError):
            return cls(**{field.name: max(0.0, float(stored.get(field.name, 0))) for field in fields(cls)})
        return cls()

    def store(self, cache: JsonCache, family: str) -> None:
        """Store it, if the disk allows."""
        cache.put(family, asdict(self))

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
