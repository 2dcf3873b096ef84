"""The display of a download: a progress line on a terminal, a line now and then elsewhere."""

from __future__ import annotations

import io
import re
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path

import pytest

from mull.errors import MullError
from mull.events import Notice
from mull.fs.size import size_text
from mull.job_events import DownloadProgress, FileProgress, PullDone, PullEvent, PullStarted
from mull.terminal.console.quantities import duration
from mull.terminal.console.streams import Streams
from mull.terminal.console.style import Style
from mull.terminal.views.download import download_view, watch

END = PullDone("m", Path("m.gguf"), 100_000_000, 100_000_000, 10.0, verified=True)


def streams(*, live: bool) -> tuple[Streams, io.StringIO]:
    err = io.StringIO()
    base = Streams.detect("never", {})
    style = Style(color=False, plain=True)
    plain = replace(base, stderr=err, stdout=io.StringIO(), stderr_style=style, stdout_style=style)
    return replace(plain, stderr_live=live, stderr_tty=live, stdout_tty=False, unicode=True), err


def frames(err: io.StringIO) -> list[str]:
    """The lines of every frame, without codes; an empty frame is one empty line."""
    lines = []
    for frame in err.getvalue().split("\x1b[?2026h")[1:]:
        lines += re.sub(r"\x1b\[[0-9;?]*[A-Za-z]|\r(?!\n)", "", frame.partition("\x1b[?2026l")[0]).split(
            "\r\n"
        )
    return lines


class Clock:
    """A clock that advances when an event is taken."""

    now = 100.0

    def __call__(self) -> float:
        return self.now


def download(clock: Clock, seconds: int = 20) -> Iterator[PullEvent]:
    """100 MB at a constant rate, an event every half second."""
    yield PullStarted("m", 1, 100_000_000, 0)
    for tick in range(2 * seconds + 1):
        yield DownloadProgress(tick * 100_000_000 // (2 * seconds), 100_000_000)
        clock.now += 0.5
    yield END


def test_a_line_every_ten_seconds_without_a_terminal() -> None:
    clock = Clock()
    where, err = streams(live=False)
    assert download_view(where, clock=clock)(download(clock)) == END
    lines = err.getvalue().splitlines()
    assert lines[0] == "m: 100 MB"
    assert lines[1] == "m:  50%  50.0 MB of 100 MB  5.0 MB/s  10 s left"
    assert len(lines) == 3
    assert "\r" not in err.getvalue()
    assert "\x1b" not in err.getvalue()


def test_a_progress_line_on_a_terminal_that_is_erased_at_the_end() -> None:
    clock = Clock()
    where, err = streams(live=True)
    download_view(where, clock=clock)(download(clock))
    shown = frames(err)
    assert any("━" in line and "5.0 MB/s" in line and "left" in line for line in shown)
    assert shown[-1] == ""
    assert max(map(len, shown)) < where.width


def test_a_narrow_terminal_leaves_out_the_total_and_cuts_nothing(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(Streams, "size", lambda _self: (40, 24))
    clock = Clock()
    where, err = streams(live=True)
    download_view(where, clock=clock)(download(clock))
    shown = frames(err)
    assert "m   50%  50.0 MB  5.0 MB/s  10 s left" in shown
    assert all(len(line) < 40 and "…" not in line for line in shown)


def test_the_files_of_a_split_model_have_bars_while_they_are_under_way() -> None:
    def split() -> Iterator[PullEvent]:
        yield PullStarted("m", 4, 400, 0)
        names = [f"m-0000{number}.gguf\x1b[31m" for number in range(4)]
        parts = [FileProgress(name, done, 100) for name, done in zip(names, (100, 50, 20, 0), strict=True)]
        yield DownloadProgress(170, 400, files=tuple(parts))
        yield END

    where, err = streams(live=True)
    download_view(where)(split())
    shown = frames(err)
    assert [line.split()[0] for line in shown[:3]] == ["m-00001.gguf␛[31m", "m-00002.gguf␛[31m", "m"]
    assert [line.split()[-1] for line in shown[:2]] == ["50%", "20%"]
    assert len({line.index("━") for line in shown[:3]}) == 1
    assert shown[3:] == [""]


def test_a_narrow_terminal_has_the_bar_of_the_whole_model_alone(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(Streams, "size", lambda _self: (40, 24))
    where, err = streams(live=True)
    files = tuple(FileProgress(f"a-long-name-of-a-model-0000{n}.gguf", 10, 100) for n in range(3))
    download_view(where)([PullStarted("m", 3, 300, 0), DownloadProgress(30, 300, files=files), END])
    assert len(frames(err)) == 2
    assert frames(err)[0].startswith("m ")


def test_the_bars_of_files_stay_when_the_figures_grow(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(Streams, "size", lambda _self: (80, 24))
    clock = Clock()
    names = [f"maker-8b-Q4_K_M-0000{number}-of-00003.gguf" for number in (1, 2, 3)]

    def split() -> Iterator[PullEvent]:
        yield PullStarted("example/maker-8b-GGUF", 3, 30_000_000, 0)
        for done in range(500_000, 10_000_000, 500_000):
            files = tuple(FileProgress(name, done, 10_000_000) for name in names)
            yield DownloadProgress(3 * done, 30_000_000, files=files)
            clock.now += 0.5
        yield END

    where, err = streams(live=True)
    download_view(where, clock=clock)(split())
    drawn = err.getvalue().split("\x1b[?2026h")[1:-1]
    assert [sum(f"0000{number}-of" in frame for number in (1, 2, 3)) for frame in drawn] == [3] * 19


def test_notices_are_on_separate_lines() -> None:
    clock = Clock()
    where, err = streams(live=True)
    values: list[PullEvent] = [*download(clock, 1)]
    values.insert(2, Notice("retry", "The Hub failed.\x1b[31m"))
    download_view(where, clock=clock)(values)
    assert re.search(r"\x1b\[J(\x1b\[D)?(\x1b\[\?7h)?\x1b\[\?2026lThe Hub failed\.␛\[31m\n", err.getvalue())


def test_quiet_prints_nothing() -> None:
    for live in (True, False):
        clock = Clock()
        where, err = streams(live=live)
        download_view(where, quiet=True, clock=clock)([Notice("x", "y"), *download(clock)])
        assert err.getvalue() == ""


def test_the_line_is_cleared_when_the_download_fails() -> None:
    def failing() -> Iterator[PullEvent]:
        yield from list(download(Clock()))[:5]
        raise MullError("x", "It failed.")

    where, err = streams(live=True)
    with pytest.raises(MullError):
        download_view(where)(failing())
    assert frames(err)[-1] == ""


def test_waiting_is_shown_and_resets_the_rate() -> None:
    clock = Clock()
    where, err = streams(live=False)
    values: list[PullEvent] = [PullStarted("m", 2, 100, 50)]
    values += [DownloadProgress(50, 100, "waiting for another download of this file")] * 30
    download_view(where, clock=clock)(_timed([*values, END], clock))
    assert "m: 100 bytes in 2 files, 50 bytes already downloaded" in err.getvalue()
    assert "waiting for another download" in err.getvalue()


def _timed(values: list[PullEvent], clock: Clock) -> Iterator[PullEvent]:
    for value in values:
        yield value
        clock.now += 0.5


def test_watch_passes_other_events_on() -> None:
    where, err = streams(live=True)
    assert list(watch([DownloadProgress(1, 2, "checking"), "verdict"], where, "m")) == ["verdict"]
    assert "checking" in err.getvalue()


@pytest.mark.parametrize(
    ("size", "text"),
    [
        (0, "0 bytes"),
        (999, "999 bytes"),
        (1500, "1.5 kB"),
        (12_109_566_624, "12.1 GB"),
        (132 * 10**9, "132 GB"),
    ],
)
def test_sizes_as_text(size: int, text: str) -> None:
    assert size_text(size) == text


@pytest.mark.parametrize(
    ("seconds", "text"), [(0.4, "0 s"), (59, "59 s"), (80, "1 min 20 s"), (7260, "2 h 1 min")]
)
def test_durations_as_text(seconds: float, text: str) -> None:
    assert duration(seconds, 0) == text
