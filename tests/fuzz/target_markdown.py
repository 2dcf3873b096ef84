"""Markdown: streaming equals rendering, lines fit, no control character gets through, and plain words stay; with and
without formulas as Unicode text."""

from __future__ import annotations

import re

from mull.terminal.console.style import Style
from mull.terminal.console.width import width
from mull.terminal.markdown.stream import MarkdownStream, render

PLAIN = Style(plain=True)
CONTROL = re.compile(r"[\x00-\x08\x0a-\x1f\x7f-\x9f\u202a-\u202e\u2066-\u2069\ud800-\udfff]")


def check(data: bytes) -> None:
    if len(data) < 2:
        return
    columns, size, text = 20 + data[0] % 120, 1 + data[1] % 64, data[2:].decode("utf-8", "surrogateescape")
    math = data[1] >= 128
    lines = render(text, columns, PLAIN, math=math)
    for line in lines:
        assert not CONTROL.search(line), line
        assert width(line) <= columns, line
    if re.fullmatch(r"[A-Za-z \n]*", text) and not re.search(r"^(?: {4})", text, re.MULTILINE):
        assert "".join("".join(lines).split()) == "".join(text.split())
    stream, streamed = MarkdownStream(PLAIN, math=math), list[str]()
    for start in range(0, len(text), size):
        stream.feed(text[start : start + size])
        final, tail = stream.take(columns, 20)
        assert not any(CONTROL.search(line) for line in tail)
        streamed += final
    assert streamed + stream.finish(columns) == lines
