"""How far a batch is: a frozen value between the scheduler and a screen."""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class BatchProgress:
    """`done` lines of `total` (None: nobody knows) have a result, `failed` of them an error.

    `skipped` of the done ones were finished before this run. `tokens` were generated in it, in `seconds`.
    """

    done: int = 0
    total: int | None = None
    failed: int = 0
    skipped: int = 0
    tokens: int = 0
    seconds: float = 0.0

    @property
    def rate(self) -> float:
        """Generated tokens per second, all lines together; 0.0 while it is not known."""
        return self.tokens / self.seconds if self.seconds > 0 else 0.0

    @property
    def seconds_left(self) -> float | None:
        """At the pace of this run; None where that cannot be said."""
        here = self.done - self.skipped
        if self.total is None or not here:
            return None
        return (self.total - self.done) * self.seconds / here
