"""A report in a real browser: dark and light, a phone's width, paper, the filter without a script, hostile answers."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest

from mull.evaluation.report.page import report_page
from tests.evaluation.report.samples import beside_base, contents, hostile
from tests.page.test_in_chromium import CONTRAST, OPEN_ALL, PROGRAM, SHOWN
from tests.waiting import wait_for

if PROGRAM is not None:
    from tests.page.chromium import Browser

pytestmark = pytest.mark.skipif(PROGRAM is None, reason="no Chromium on the path or in $CHROMIUM")
GO = "location.hash = '{}'; document.querySelectorAll('.suite').length"


@pytest.fixture(scope="module")
def browser(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Browser]:
    with Browser(str(PROGRAM), tmp_path_factory.mktemp("chromium")) as opened:
        yield opened


@pytest.fixture(scope="module")
def pages(tmp_path_factory: pytest.TempPathFactory) -> dict[str, Path]:
    folder = tmp_path_factory.mktemp("reports")
    made = {"plain": contents(), "beside": beside_base(), "hostile": hostile()}
    for name, one in made.items():
        (folder / name).with_suffix(".html").write_text(report_page(one), encoding="utf-8")
    return {name: folder / f"{name}.html" for name in made}


@pytest.mark.parametrize("name", ["plain", "hostile"])
def test_nothing_runs_and_nothing_is_loaded(browser: Browser, pages: dict[str, Path], name: str) -> None:
    browser.open(pages[name])
    assert browser.requested() == [pages[name].as_uri()]
    assert browser.run("document.scripts.length + document.images.length") == 0
    methods = {one["method"] for one in browser.events}
    assert not methods & {"Page.javascriptDialogOpening", "Log.entryAdded", "Runtime.exceptionThrown"}


@pytest.mark.parametrize(("name", "width"), [("beside", 320), ("plain", 1600), ("hostile", 390)])
def test_it_fits_any_width(browser: Browser, pages: dict[str, Path], name: str, width: int) -> None:
    browser.open(pages[name], width=width)
    browser.run(OPEN_ALL)
    assert browser.run("document.documentElement.scrollWidth") == width
    wide = browser.run(
        "[...document.querySelectorAll('p, li, h1, h2, h3, h4, dd, .plain, summary')]"
        ".filter(one => one.scrollWidth > one.clientWidth + 1).map(one => one.textContent.slice(0, 40))"
    )
    assert wide == []
    letters = browser.run(
        "[...document.querySelectorAll('svg .letter')].map(one => one.getBoundingClientRect().height)"
    )
    assert min(letters) >= 9


@pytest.mark.parametrize(("name", "scheme"), [("plain", "light"), ("beside", "dark"), ("hostile", "dark")])
def test_all_text_has_contrast(browser: Browser, pages: dict[str, Path], name: str, scheme: str) -> None:
    browser.open(pages[name], scheme=scheme)
    browser.run(OPEN_ALL)
    browser.run("document.querySelectorAll('svg').forEach(one => one.remove())")  # its inks are fills
    least, where = browser.run(CONTRAST)
    assert least >= 4.5, where


def test_the_address_filters_questions(browser: Browser, pages: dict[str, Path]) -> None:
    browser.open(pages["plain"])
    assert browser.run(SHOWN.format(".suite")) == [True, True]
    browser.run(GO.format("suite-logic"))
    assert browser.run(SHOWN.format(".suite")) == [False, True]
    browser.run(GO.format("questions"))
    assert browser.run(SHOWN.format(".suite")) == [True, True]
    browser.run(GO.format("wrong"))
    shown = browser.run(SHOWN.format(".item"))
    assert shown == ([False] * 2 + [True] * 8) * 2  # the first two of each suite were right in every run


def test_an_answer_is_one_click_away_and_its_thinking_two(browser: Browser, pages: dict[str, Path]) -> None:
    browser.open(pages["plain"])
    assert not any(browser.run(SHOWN.format(".answer")))
    browser.run("document.querySelector('.item > summary').click()")
    opened = [True] * 4 + [False] * 76
    wait_for(lambda: browser.run(SHOWN.format(".answer")) == opened, "the answers")
    assert not any(browser.run(SHOWN.format(".thinking .text")))
    browser.run("document.querySelector('.thinking > summary').click()")
    wait_for(lambda: browser.run(SHOWN.format(".thinking .text"))[:2] == [True, False], "the thinking")


def test_it_prints(browser: Browser, pages: dict[str, Path]) -> None:
    browser.open(pages["beside"], width=700, scheme="dark", kind="print")
    assert browser.run("getComputedStyle(document.body).backgroundColor") == "rgb(255, 255, 255)"
    assert not any(browser.run(SHOWN.format("nav")))
    assert all(browser.run(SHOWN.format("svg, .item > summary")))
    assert browser.run(
        "[...document.querySelectorAll('.table')].every(one => one.scrollWidth <= one.clientWidth)"
    )
    assert browser.pdf().startswith(b"%PDF-")
