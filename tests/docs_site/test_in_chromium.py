"""The site in a real browser, opened as files: no error, nothing from elsewhere, a phone's width, contrast, search."""

from __future__ import annotations

import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from docgen.site.navigation import pages
from tests.docs_site.test_site import built
from tests.page.test_in_chromium import CONTRAST
from tests.waiting import wait_for

if sys.platform != "win32":
    from tests.page.chromium import Browser, executable

    PROGRAM = executable()
else:
    PROGRAM = None

pytestmark = [
    pytest.mark.slow,
    pytest.mark.timeout(900),
    pytest.mark.skipif(PROGRAM is None, reason="no Chromium on the path or in $CHROMIUM"),
]

# What scrolls sideways must do so within itself: its parent clips it.
WIDE = """[...document.querySelectorAll('article *')].filter(one => {
  if (one.getBoundingClientRect().right <= innerWidth + 1 || !one.checkVisibility()) return false;
  for (let up = one; up && up.tagName != 'ARTICLE'; up = up.parentElement)
    if (['auto', 'scroll', 'hidden'].includes(getComputedStyle(up).overflowX)) return false;
  return true; }).map(one => one.tagName + ': ' + one.textContent.slice(0, 40))"""


@pytest.fixture(scope="module")
def browser(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Browser]:
    with Browser(str(PROGRAM), tmp_path_factory.mktemp("chromium")) as opened:
        yield opened


def complaints(events: list[dict[str, Any]]) -> list[str]:
    """What the page made the browser report: errors, and messages on the console."""
    bad = {"Runtime.exceptionThrown", "Runtime.consoleAPICalled", "Log.entryAdded", "Network.loadingFailed"}
    return [str(one) for one in events if one["method"] in bad]


@pytest.mark.parametrize("page", pages())
def test_a_page_on_a_phone(browser: Browser, site: Path, page: str) -> None:
    browser.open(built(site, page), width=390, height=800)
    assert complaints(browser.events) == []
    assert not [
        address for address in browser.requested() if not address.startswith((site.as_uri(), "data:"))
    ]
    assert browser.run("document.documentElement.scrollWidth") == 390
    assert browser.run(WIDE) == []
    assert browser.run("[...document.images].filter(one => one.complete && !one.naturalWidth).length") == 0
    for scheme in ("light", "dark"):
        browser.prefer(scheme)
        least, where = browser.run(CONTRAST)
        assert least >= 4.5, (scheme, where)


@pytest.mark.parametrize("query", ["prefill", "think budget", "no_such_word_anywhere"])
def test_search_finds_pages_without_a_server(browser: Browser, site: Path, query: str) -> None:
    browser.open(site / "index.html", width=1200)
    browser.run(f"document.querySelector('.sidebar-search').value = {query!r}")
    browser.follow("document.querySelector('.sidebar-search').form.submit()")
    ended = "typeof Search != 'undefined' && /finished|did not/.test(Search.status?.innerText)"
    wait_for(lambda: browser.run(ended), "the end of the search")
    found = browser.run("[...document.querySelectorAll('ul.search a')].map(one => one.href)")
    if query.startswith("no_such"):
        assert found == []
        return
    assert any("/docs/commands.html" in address for address in found)
    assert all(
        Path(address.removeprefix("file://").split("#")[0].split("?")[0]).is_file() for address in found
    )
    assert complaints(browser.events) == []


def test_the_scheme_can_be_chosen(browser: Browser, site: Path) -> None:
    browser.open(site / "index.html", width=1200, scheme="light")
    paper = "getComputedStyle(document.body).backgroundColor"
    light = browser.run(paper)
    seen = {light}
    for _ in range(3):
        browser.run("document.querySelector('.theme-toggle').click()")
        seen.add(browser.run(paper))
    assert len(seen) == 2
