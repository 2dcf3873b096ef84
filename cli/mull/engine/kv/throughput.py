"""How quickly this machine computes a model's prompts, and moves its states: what decides whether reuse pays.

In: counts and seconds. Out: estimates in seconds. The newest measurement weighs half; what was not measured yet takes a
cautious guess. Kept in a small JSON file beside the states; a damaged one is measured anew.
"""

from __future__ import annotations

import json
from contextlib import suppress
from dataclasses import asdict, dataclass, fields
from pathlib import Path

from mull.fs.atomic import write_atomic

_RESTORING = 1e9  # bytes per second, before it is known
_SAVING = 0.4e9


@dataclass(slots=True)
class Rates:
    """Tokens per second of prompts, bytes per second of states read and written. 0: not measured."""

    prompt: float = 0.0
    restore: float = 0.0
    save: float = 0.0

    @classmethod
    def read(cls, path: Path) -> Rates:
        """What is kept there, or nothing."""
        with suppress(OSError, ValueError, TypeError, AttributeError):
            kept = json.loads(path.read_text(encoding="utf-8"))
            return cls(**{field.name: max(0.0, float(kept.get(field.name, 0))) for field in fields(cls)})
        return cls()

    def write(self, path: Path) -> None:
        """Keep it, if the disk takes it."""
        with suppress(OSError):
            write_atomic(path, json.dumps(asdict(self)))

    def fill(self, kept: Rates) -> None:
        """Take what was not measured in this process."""
        for field in fields(self):
            if not getattr(self, field.name):
                setattr(self, field.name, getattr(kept, field.name))

    def computed(self, tokens: int, seconds: float) -> None:
        self.prompt = _mean(self.prompt, tokens, seconds)

    def restored(self, size: int, seconds: float) -> None:
        self.restore = _mean(self.restore, size, seconds)

    def saved(self, size: int, seconds: float) -> None:
        self.save = _mean(self.save, size, seconds)

    def computing(self, tokens: int) -> float:
        """Seconds to compute so many tokens of a prompt; 0 when that was never measured."""
        return tokens / self.prompt if self.prompt else 0.0

    def restoring(self, size: int) -> float:
        """Seconds to put so many bytes back."""
        return size / (self.restore or _RESTORING)

    def saving(self, size: int) -> float:
        """Seconds to copy and write so many bytes."""
        return size / (self.save or _SAVING)


def _mean(before: float, amount: float, seconds: float) -> float:
    now = amount / max(seconds, 1e-9)
    return (before + now) / 2 if before else now
