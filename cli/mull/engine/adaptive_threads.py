"""How many threads the next step is computed with, adapted to what other programs leave of the machine.

In: how long steps took, and how much processor time they got. Out: a number of threads, at most the plan's.

Where another program has one of the cores, every matrix product waits for the thread that has none. Measured with
SmolLM2-135M on two cores, tokens per second with two threads and with one: 64 and 51 on an idle machine, 28 and 59
beside one busy process, 22 and 35 beside two; but 10 and 5 beside twenty, where two threads get twice the share. So no
rule decides, but a trial: a few steps with fewer or more threads, and the faster number stays. A trial begins when
steps got slower or did not get their processor time, and upwards when cores are idle or after a while; where it fails,
the next one waits twice as long. Batches of a prompt are not adapted: their threads share the work in small pieces, and
more threads were never slower (512 tokens: 207 and 155 per second idle, 144 and 143 beside one process, 145 and 93
beside two). But a batch takes long enough to see whether its threads get cores; where they don't, the answer begins
with fewer, without steps that find it out.
"""

from __future__ import annotations

import os
import sys
import time
from collections import deque
from collections.abc import Callable, Collection

from mull.dataclass import dataclass

PREFILL_ROWS = 32
"""Rows of a batch from which all threads are used."""

_FEW = 3  # steps that say something together: one that was interrupted does not
_MANY = 8  # steps of a trial, at most
_GAIN = 0.93  # of the time before: what a trial must reach. Less is noise
_HOPELESS = 1.15  # of the time before: a trial with slower steps ends at once
_STRETCHED = 1.3  # times the usual seconds of a step
_DRIFT = 1.01  # by which a step may be slower than the one before and still be usual: the text grows
_OBTAINED = 0.7  # of the processor time that the threads could use. Below, they wait for cores
_CROWDED = 0.25  # of that time. Below, the machine is so full that each further thread gets more of it
_LONG = 0.05  # seconds of a step that alone shows how much processor time there is
_IDLE = 0.5  # cores: when so much is unused, one thread more may be faster
_LOOK = 0.1  # seconds between two looks at the machine; Linux counts hundredths
_AGAIN = 0.25  # seconds until the next trial in the same direction
_BLIND = 1.0  # seconds until a trial with more threads although no core is idle
_LONGEST = 16  # times these waits, at most


def ladder(most: int) -> list[int]:
    """The numbers of threads that are tried, ascending."""
    return sorted({1, most // 4, most // 2, most * 3 // 4, most - 1, most} - {0})


class AdaptiveThreads:
    """The number of threads for each step. With `fixed`, or where `most` is 1, it is always `most`.

    `clock` and `processor`: seconds passed, and of processor time that this process used; `idle`: seconds that the
    machine's cores were unused, all together (None where that is unknown).
    """

    def __init__(
        self,
        most: int,
        *,
        fixed: bool = False,
        clock: Callable[[], float] = time.perf_counter,
        processor: Callable[[], float] = time.process_time,
        idle: Callable[[], float | None] | None = None,
    ) -> None:
        self.most = most
        self._adapts = not fixed and most > 1
        self._clock, self._processor = clock, processor
        self._idle = _IdleCores(clock, idle or idle_seconds)
        self._levels: dict[int, _Level] = {}  # by the size of the batch, as a power of two
        self._newest: _Level | None = None
        self._began = (0.0, 0.0)
        self._starved: int | None = None  # threads of the last step, if it was long and they lacked cores

    def begin(self, rows: int, *, fixed: bool = False) -> int:
        """The threads for a step of so many rows, which begins now. `fixed`: as planned, this once."""
        level = None if fixed or not self._adapts or rows >= PREFILL_ROWS else self._level(rows)
        self._newest = level or self._newest
        if self._adapts:
            self._began = self._clock(), self._processor()
        return level.threads if level is not None else self.most

    def end(self, rows: int, count: int) -> None:
        """The step that began last has been computed, with `count` threads."""
        if not self._adapts:
            return
        now = self._clock()
        seconds = max(now - self._began[0], 1e-6)
        obtained = (self._processor() - self._began[1]) / seconds / count
        self._starved = count if seconds >= _LONG and _CROWDED < obtained < _OBTAINED else None
        level = self._levels.get(_size(rows))
        if level is not None and rows < PREFILL_ROWS and count == level.threads:
            level.record(seconds, obtained, now, self._idle)

    def _level(self, rows: int) -> _Level:
        """Steps of about this size, which are compared with each other only.

        A new size starts as the last one was computed, or with fewer threads than a long step that lacked cores.
        """
        size = _size(rows)
        if size not in self._levels:
            level = _Level(ladder(self.most), self._newest.threads if self._newest is not None else self.most)
            if self._starved is not None:
                level.start_below(self._starved, self._clock())
            self._levels[size] = level
        return self._levels[size]


class _Level:
    """The number of threads for steps of about one size, found by trials."""

    def __init__(self, steps: list[int], start: int) -> None:
        self._ladder = steps
        self._at = steps.index(start)
        self._recent: deque[float] = deque(maxlen=_MANY)  # seconds
        self._obtained = 1.0
        self._usual = float("inf")
        self._trial: _Trial | None = None
        self._factor = {-1: 1, 1: 1}  # of the waits, by direction
        self._not_before = {-1: 0.0, 1: 0.0}

    @property
    def threads(self) -> int:
        return self._ladder[self._at]

    def start_below(self, count: int, now: float) -> None:
        """Before the first step: fewer threads than `count`. As after a trial, more wait for a while."""
        self._at = min(self._at, max(0, self._ladder.index(count) - 1))
        self._not_before[1] = now + _AGAIN

    def record(self, seconds: float, obtained: float, now: float, idle: _IdleCores) -> None:
        """A step took so long, and its threads got this share of the time that they could use."""
        self._recent.append(seconds)
        self._obtained += (obtained - self._obtained) / _FEW
        if self._trial is not None:
            self._judge(self._trial, now)
        elif len(self._recent) < _FEW:
            return
        elif self._at and now >= self._not_before[-1] and self._suffers():
            self._try(-1)
        elif self._at < len(self._ladder) - 1 and self._may_grow(now, idle):
            self._try(1)
        else:
            self._usual = min(_mean(self._recent), self._usual * _DRIFT)

    def _suffers(self) -> bool:
        latest = list(self._recent)[-_FEW:]
        return min(latest) > _STRETCHED * self._usual or self._obtained < _OBTAINED

    def _may_grow(self, now: float, idle: _IdleCores) -> bool:
        if now < self._not_before[1]:
            return False
        blind = now >= self._not_before[1] + (_BLIND - _AGAIN) * self._factor[1]
        return blind or (idle.cores(now) or 0.0) >= _IDLE

    def _try(self, direction: int) -> None:
        self._trial = _Trial(self._at, direction, _mean(self._recent))
        self._move(self._at + direction)

    def _judge(self, trial: _Trial, now: float) -> None:
        """Stay where it is faster, or go back and wait longer until the next trial in this direction."""
        faster = trial.is_faster(self._recent)
        if faster is None:
            return
        self._trial = None
        if faster:
            self._factor = {-1: 1, 1: 1}
            self._not_before = {-trial.direction: now + _AGAIN, trial.direction: now}
            self._usual = _mean(self._recent)
            return
        self._not_before[trial.direction] = now + _AGAIN * self._factor[trial.direction]
        self._factor[trial.direction] = min(2 * self._factor[trial.direction], _LONGEST)
        self._usual = trial.seconds
        self._move(trial.began)

    def _move(self, at: int) -> None:
        self._at = at
        self._recent.clear()
        self._obtained = 1.0


@dataclass(frozen=True, slots=True)
class _Trial:
    """A trial that runs: where it began, fewer (-1) or more threads (1), and the seconds of a step before."""

    began: int
    direction: int
    seconds: float

    def is_faster(self, steps: Collection[float]) -> bool | None:
        """Whether these steps are; None: too early to say. Early only where all steps agree."""
        enough = 1 if self.direction < 0 else 2
        if len(steps) >= enough and min(steps) > _HOPELESS * self.seconds:
            return False
        if len(steps) >= _FEW and max(steps) < _GAIN * self.seconds:
            return True
        return None if len(steps) < _MANY else _mean(steps) < _GAIN * self.seconds


def _mean(steps: Collection[float]) -> float:
    return sum(steps) / len(steps)


class _IdleCores:
    """How many of the machine's cores were idle lately."""

    def __init__(self, clock: Callable[[], float], idle: Callable[[], float | None]) -> None:
        self._idle = idle
        self._seen = (clock(), idle())
        self._cores: float | None = None

    def cores(self, now: float) -> float | None:
        """The number of idle cores, None where it is unknown."""
        when, before = self._seen
        if now - when >= _LOOK:
            unused = self._idle()
            self._cores = None if unused is None or before is None else (unused - before) / (now - when)
            self._seen = now, unused
        return self._cores


def idle_seconds() -> float | None:
    """Seconds that all cores together were idle since the machine started; None where reading it is not cheap."""
    if sys.platform != "linux":
        return None
    try:
        with open("/proc/stat", "rb") as file:
            fields = file.readline().split()
        return int(fields[4]) / os.sysconf("SC_CLK_TCK")
    except (OSError, ValueError, IndexError):
        return None


def _size(rows: int) -> int:
    return rows.bit_length()
