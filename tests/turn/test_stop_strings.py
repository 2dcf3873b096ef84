"""Stop strings are never shown, however the text is chunked."""

from __future__ import annotations

from hypothesis import given
from hypothesis import strategies as st

from mull.turn.stop_strings import StopFilter

TEXT = st.text(alphabet="ab\n", max_size=30)


@given(
    TEXT, st.lists(st.text(alphabet="ab\n", min_size=1, max_size=4), max_size=3), st.lists(st.integers(1, 5))
)
def test_the_output_is_the_text_before_the_first_stop(text: str, stops: list[str], sizes: list[int]) -> None:
    found = [(at + len(stop), at) for stop in stops if (at := text.find(stop)) >= 0]
    expected = text[: min(found)[1]] if found else text
    chunker, shown, rest = StopFilter(stops), "", text
    for size in [*sizes, len(text) + 1]:
        shown += chunker.feed(rest[:size])
        rest = rest[size:]
    shown += chunker.finish()
    assert shown == expected
    assert chunker.stopped is bool(found)
