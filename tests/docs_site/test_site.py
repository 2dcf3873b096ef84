"""The files of the site: every link leads somewhere, nothing names another host's files or a folder of the builder."""

from __future__ import annotations

import re
from collections.abc import Iterator
from functools import cache
from html.parser import HTMLParser
from pathlib import Path
from urllib.parse import unquote, urlsplit

import pytest
from markdown_it import MarkdownIt

from docgen.site.navigation import HOME, groups, pages
from tests.docs_site.conftest import ROOT

pytestmark = [pytest.mark.slow, pytest.mark.timeout(600)]


class Page(HTMLParser):
    """What a page links to, what it loads, its anchors, and how often it has an element inside the article."""

    def __init__(self, text: str) -> None:
        super().__init__()
        self.links: list[str] = []
        self.loads: list[str] = []
        self.anchors: set[str] = set()
        self.article: dict[str, int] = {}
        self._inside = False
        self.feed(text)

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        values = {name: value or "" for name, value in attrs}
        if "id" in values:
            self.anchors.add(values["id"])
        if tag == "a" and "href" in values:
            self.links.append(values["href"])
        elif tag == "link" and values.get("rel") in {"stylesheet", "icon", "preload"}:
            self.loads.append(values["href"])
        self.loads += [values[name] for name in ("src", "srcset", "poster", "data") if name in values]
        self._inside = self._inside or tag == "article"
        if self._inside:
            self.article[tag] = self.article.get(tag, 0) + 1

    def handle_endtag(self, tag: str) -> None:
        self._inside = self._inside and tag != "article"


@cache
def read(path: Path) -> Page:
    return Page(path.read_text(encoding="utf-8"))


def built(site: Path, page: str) -> Path:
    return site / ("index.html" if page == HOME else page.removesuffix(".md") + ".html")


def broken(site: Path) -> Iterator[str]:
    for path in site.rglob("*.html"):
        for link in read(path).links:
            address = urlsplit(link)
            if address.scheme or not (address.path or address.fragment):
                continue
            target = (path.parent / unquote(address.path)).resolve() if address.path else path
            if not target.is_file():
                yield f"{path.relative_to(site)}: {link}"
            elif address.fragment and unquote(address.fragment) not in read(target).anchors:
                yield f"{path.relative_to(site)}: {link} (no such anchor)"


def test_every_link_and_anchor_exists(site: Path) -> None:
    assert sum(len(read(path).links) for path in site.rglob("*.html")) > 1000
    assert not list(broken(site))


def test_a_broken_link_is_found(tmp_path: Path) -> None:
    (tmp_path / "a.html").write_text('<a href="b.html"></a><a href="#x"></a><a href="#y"></a><p id="x">')
    assert list(broken(tmp_path)) == ["a.html: b.html", "a.html: #y (no such anchor)"]


def test_nothing_is_loaded_from_elsewhere(site: Path) -> None:
    loads = {load for path in site.rglob("*.html") for load in read(path).loads}
    assert "_static/site.css" in {urlsplit(load).path for load in loads}
    assert not [load for load in loads if urlsplit(load).netloc or urlsplit(load).scheme not in {"", "data"}]
    for style in site.rglob("*.css"):
        assert not re.findall(r"@import|url\(['\"]?(?:https?:)?//", style.read_text(encoding="utf-8"))


def test_no_file_names_a_folder_of_the_builder(site: Path) -> None:
    places = (str(site).encode(), str(ROOT).encode())
    named = [path.name for path in site.rglob("*.*") if any(place in path.read_bytes() for place in places)]
    assert not named


def test_every_page_and_every_element_of_it_is_there(site: Path) -> None:
    """As GitHub's Markdown sees it: no table, code block, picture or list item is lost on the way."""
    parser = MarkdownIt("commonmark").enable(["table", "strikethrough"])
    for page in pages():
        tokens = parser.parse((ROOT / page).read_text(encoding="utf-8"))
        kinds = [token.type for token in tokens]
        article = read(built(site, page)).article
        expected = {
            "table": kinds.count("table_open"),
            "pre": kinds.count("fence") + kinds.count("code_block"),
            "img": sum(child.type == "image" for token in tokens for child in token.children or ()),
            "blockquote": kinds.count("blockquote_open"),
            "li": kinds.count("list_item_open"),
        }
        assert {name: article.get(name, 0) for name in expected} == expected, page


def test_the_home_page_leads_to_every_group(site: Path) -> None:
    home = read(site / "index.html").links
    assert [page for names in groups().values() for page in names if f"{page[:-3]}.html" not in home] == []
