"""The page of a session in a real browser: dark and light, a phone's width, paper, and hostile answers."""

from __future__ import annotations

import sys
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path

import pytest

from mull.page.session_page import session_page
from tests.page.samples import HOSTILE, PLAIN
from tests.page.test_session_page import conversation
from tests.waiting import wait_for

if sys.platform != "win32":
    from tests.page.chromium import Browser, executable

    PROGRAM = executable()
else:
    PROGRAM = None

pytestmark = pytest.mark.skipif(PROGRAM is None, reason="no Chromium on the path or in $CHROMIUM")

OPEN_ALL = "document.querySelectorAll('details').forEach(one => one.open = true)"
# The least contrast of text to what is painted behind it, and that text; WCAG 2.1, 1.4.3.
CONTRAST = """(() => {
  const numbers = text => text.match(/[\\d.]+/g).map(Number);
  const light = ([r, g, b]) => [r, g, b].map(c => c / 255)
    .map(c => c <= .03928 ? c / 12.92 : ((c + .055) / 1.055) ** 2.4)
    .reduce((sum, c, i) => sum + c * [.2126, .7152, .0722][i], 0);
  const behind = one => { for (; one; one = one.parentElement) {
    const found = numbers(getComputedStyle(one).backgroundColor);
    if (found.length == 3 || found[3] == 1) return found; } return [255, 255, 255]; };
  let least = [99, ''];
  const walker = document.createTreeWalker(document.body, NodeFilter.SHOW_TEXT);
  while (walker.nextNode()) {
    const parent = walker.currentNode.parentElement;
    if (!walker.currentNode.data.trim()) continue;
    const [a, b] = [light(numbers(getComputedStyle(parent).color)), light(behind(parent))];
    const ratio = (Math.max(a, b) + .05) / (Math.min(a, b) + .05);
    if (ratio < least[0]) least = [ratio, parent.className + ': ' + walker.currentNode.data.slice(0, 40)];
  }
  return least; })()"""
LONG = "\n".join(f"line {number}" for number in range(99))
SHOWN = (
    "[...document.querySelectorAll('{}')].map(one => one.checkVisibility({{contentVisibilityAuto: true}}))"
)


@pytest.fixture(scope="module")
def browser(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Browser]:
    with Browser(str(PROGRAM), tmp_path_factory.mktemp("chromium")) as opened:
        yield opened


@pytest.fixture
def page(tmp_path: Path) -> Path:
    """Turns that are plain, the first with a long question, and turns that are hostile."""
    session, turns = conversation(PLAIN)
    _, others = conversation(HOSTILE, "interrupted")
    path = tmp_path / "session.html"
    path.write_text(
        session_page(session, [replace(turns[0], question=LONG), turns[1], *others[:2]]), encoding="utf-8"
    )
    return path


def test_nothing_runs_and_nothing_is_loaded(browser: Browser, page: Path) -> None:
    browser.open(page)
    assert browser.requested() == [page.as_uri()]
    assert browser.run("document.scripts.length + document.images.length") == 0
    assert browser.run("document.querySelectorAll('article').length") == 4
    methods = {one["method"] for one in browser.events}
    assert not methods & {"Page.javascriptDialogOpening", "Log.entryAdded", "Runtime.exceptionThrown"}
    browser.run("document.body.insertAdjacentHTML('beforeend', '<img src=https://a.invalid/x.png>')")
    assert browser.run("new Promise(done => setTimeout(done, 0)) && document.images[0].naturalWidth") == 0
    assert "Network.responseReceived" not in {
        one["method"] for one in browser.events if "a.invalid" in str(one.get("params"))
    }


@pytest.mark.parametrize("width", [320, 390, 900, 1600])
def test_it_fits_any_width(browser: Browser, page: Path, width: int) -> None:
    browser.open(page, width=width)
    browser.run(OPEN_ALL)
    assert browser.run("document.documentElement.scrollWidth") == width
    wide = browser.run(
        "[...document.querySelectorAll('p, li, h1, h3, .plain, summary')]"
        ".filter(one => one.scrollWidth > one.clientWidth + 1).map(one => one.textContent.slice(0, 40))"
    )
    assert wide == []
    assert browser.run("document.querySelector('main').clientWidth") <= 48 * 16


@pytest.mark.parametrize("scheme", ["light", "dark"])
def test_all_text_has_contrast(browser: Browser, page: Path, scheme: str) -> None:
    browser.open(page, scheme=scheme)
    browser.run(OPEN_ALL)
    least, where = browser.run(CONTRAST)
    assert least >= 4.5, where
    paper = browser.run("getComputedStyle(document.body).backgroundColor")
    assert (paper == "rgb(255, 255, 255)") == (scheme == "light")
    inks = browser.run(
        "new Set([...document.querySelectorAll('.code span')].map(one => getComputedStyle(one).color)).size"
    )
    assert inks >= 5


def test_thinking_is_folded_until_it_is_wanted(browser: Browser, page: Path) -> None:
    browser.open(page)
    assert browser.run(SHOWN.format(".thinking .text")) == [False] * 4
    assert browser.run(SHOWN.format(".answer")) == [True] * 4
    browser.run("document.querySelector('.thinking summary').click()")
    opened = [True, False, False, False]
    wait_for(lambda: browser.run(SHOWN.format(".thinking .text")) == opened, "the thinking")


def test_paper_is_light_and_has_everything_but_folded_thinking(browser: Browser, page: Path) -> None:
    browser.open(page, width=700, scheme="dark", kind="print")
    assert browser.run("getComputedStyle(document.body).backgroundColor") == "rgb(255, 255, 255)"
    assert browser.run(SHOWN.format(".thinking")) == [False] * 4
    assert all(browser.run(SHOWN.format(".question .plain")))
    after = browser.run("getComputedStyle(document.querySelector('.answer a'), '::after').content")
    assert after == '" (https://example.org/a?b=1&c=2)"'
    assert browser.run(
        "[...document.querySelectorAll('.answer pre')].every(one => one.scrollWidth <= one.clientWidth)"
    )
    assert browser.run("getComputedStyle(document.querySelector('nav')).display") == "none"
    printed = browser.pdf()
    assert printed.startswith(b"%PDF-")
    assert len(printed) > 20_000
