"""The live region on a terminal emulator: no finished line is lost, and no old line is left."""

from __future__ import annotations

import pyte
from hypothesis import given
from hypothesis import strategies as st

from mull.terminal.views.live_region import LiveRegion

COLUMNS, ROWS = 12, 6
LINE = st.text("abc你", max_size=COLUMNS // 2).map(str.strip)
FRAMES = st.lists(st.tuples(st.lists(LINE, max_size=ROWS + 3), st.lists(LINE, max_size=4)), max_size=12)


class Emulator:
    """A terminal with scrollback, behind a pseudo-terminal in raw output (newlines move down, not left)."""

    def __init__(self) -> None:
        self.screen = pyte.HistoryScreen(COLUMNS, ROWS, history=1000, ratio=0.001)
        self.stream = pyte.Stream(self.screen)
        self.written = ""
        self.size = (COLUMNS, ROWS)

    def write(self, text: str) -> None:
        self.written += text
        self.stream.feed(text)

    @property
    def lines(self) -> list[str]:
        above = ["".join(row[column].data for column in range(COLUMNS)) for row in self.screen.history.top]
        return [line.rstrip() for line in [*above, *self.screen.display]]


def _same(shown: list[str], wanted: list[str]) -> bool:
    return "\n".join(shown).rstrip("\n") == "\n".join(wanted).rstrip("\n")


@given(FRAMES)
def test_the_screen_is_the_last_frame_below_all_finished_lines(
    frames: list[tuple[list[str], list[str]]],
) -> None:
    emulator = Emulator()
    region = LiveRegion(emulator.write, lambda: emulator.size)
    finished: list[str] = []
    for lines, above in frames:
        region.paint(lines, above)
        finished += above
        assert _same(emulator.lines, [*finished, *lines[-(ROWS - 1) :]])
    region.close(["the end"])
    assert _same(emulator.lines, [*finished, "the end"])
    assert emulator.screen.cursor.x == 0


def test_an_unchanged_frame_writes_nothing_and_a_changed_line_only_itself() -> None:
    emulator = Emulator()
    region = LiveRegion(emulator.write, lambda: emulator.size)
    region.paint(["one", "two", "three"])
    emulator.written = ""
    region.paint(["one", "two", "three"])
    assert emulator.written == ""
    region.paint(["one", "2", "three"])
    assert "2" in emulator.written
    assert "one" not in emulator.written
    assert "three" not in emulator.written


def test_the_cursor_is_hidden_while_there_is_a_region() -> None:
    emulator = Emulator()
    region = LiveRegion(emulator.write, lambda: emulator.size)
    region.paint(["one"])
    assert emulator.screen.cursor.hidden
    region.close()
    assert not emulator.screen.cursor.hidden
    emulator.written = ""
    region.close()
    assert "\x1b[?25h" not in emulator.written


def test_a_line_that_an_older_terminal_cannot_fit_stays_on_its_row() -> None:
    """The emulator draws the parts of a family one by one: 18 cells, of 12."""
    emulator = Emulator()
    region = LiveRegion(emulator.write, lambda: emulator.size)
    for number in range(4):
        region.paint([f"above {number}", "👨‍👩‍👧" * 3, f"below {number}"], ["done"] if number == 2 else [])
    assert [emulator.lines[0], emulator.lines[1], emulator.lines[3]] == ["done", "above 3", "below 3"]
    region.close(["the end"])
    assert _same(emulator.lines, ["done", "the end"])
    emulator.write("x" * (COLUMNS + 1))  # the terminal wraps again
    assert emulator.lines[3] == "x"
