"""The page of a report as a parser reads it: everything is there, escaped, and nothing of it runs or loads."""

from __future__ import annotations

import re
from dataclasses import replace

import pytest

from mull.evaluation.report.contents import Contents
from mull.evaluation.report.page import report_page
from mull.evaluation.report.published import Published, published
from mull.models.catalogue.catalogue import load_catalogue
from mull.terminal.console.sanitize import one_line, visible
from tests.evaluation.report.samples import answers, beside_base, contents, hostile, run_record
from tests.page.samples import HOSTILE
from tests.page.test_session_page import ATTRIBUTES, TAGS, Page


class Report(Page):
    """What a report may have beside the tags of a session's page."""

    TAGS = TAGS | {
        "h2",
        "figure",
        "figcaption",
        "svg",
        "title",
        "g",
        "path",
        "text",
        "circle",
        "rect",
        "small",
    }
    TAGS |= {"dl", "dt", "dd"}
    ATTRIBUTES = ATTRIBUTES | {"title", "xmlns", "viewbox", "role", "d", "x", "y", "cx", "cy", "r", "width"}
    ATTRIBUTES |= {"height", "text-anchor", "stroke-dasharray", "style"}

    def check(self) -> None:
        assert self.tags <= self.TAGS, self.tags - self.TAGS
        names = {name for name, _ in self.attributes}
        assert names <= self.ATTRIBUTES, names - self.ATTRIBUTES
        places = {value for name, value in self.attributes if name == "id"}
        for name, value in self.attributes:
            if name == "href" and value.startswith("#"):
                assert value[1:] in places
            elif name == "href":
                assert re.match(r"https?://|ftp://|mailto:", value, re.IGNORECASE)
        assert not re.search("[\0-\x08\x0b-\x1f\x7f-\x9f\u202a-\u202e\u2066-\u2069\ud800-\udfff]", self.text)


def test_a_report_has_everything() -> None:
    page = Report(report_page(contents()))
    page.check()
    for text in ("4/20", "18/20", "90%", "70% to 97%", "a is b.", "What is 4 + 1?", "Example CPU 3000"):
        assert text in page.text, text
    assert "ab" * 32 in page.text  # the whole digest of the model's file
    assert page.folded.count("Let me add up to 10.") == 4  # two models, two suites
    assert page.text.count("Expected: 5") == 2


def test_a_share_has_its_interval() -> None:
    """Wilson's of 18 of 20, by hand: (0.9 + 0.0960 ± 1.96 × 0.0831) / 1.1921."""
    assert "70% to 97%" in report_page(contents())


def test_a_model_stands_beside_its_base_with_intervals() -> None:
    """With thinking, of 19 pairs the base is right in 7 and the model in 17, never the base alone. Bonett and Price by
    hand: 11/21 - 1/21 = 0.476, and half of the interval is 1.96 × √((12/21 - 0.476²) / 21) = 0.251."""
    page = Report(report_page(beside_base()))
    page.check()
    for text in ("Beside the base", "large against small", "37%", "89%", "+53 points", "+23 to +73"):
        assert text in page.text, text
    assert "more often (p = 0.002, exact McNemar)" in page.text
    assert "2 answers without a partner left out." in page.text
    assert "Beside the base" not in report_page(contents())


def test_hostile_texts_are_text() -> None:
    written = report_page(hostile())
    page = Report(written)
    page.check()
    assert visible(HOSTILE).strip() in page.text
    assert one_line(HOSTILE) in page.text
    for token in re.findall(r"alert\(\d\)", HOSTILE):
        assert token in page.text
    assert page.text.count("A␛[2J␀") > 9_000  # of an answer of 1.5 million characters, the start and the end
    assert "1,500,025 characters, of them the first 50,000 and the last 5,000" in page.text
    assert "default-src 'none'" in written
    assert len(written) < 1_000_000


@pytest.mark.parametrize("suites", [["a b", "A-B"], ["", "日本"]])
def test_every_suite_has_its_place(suites: list[str]) -> None:
    run = replace(run_record(), suites=dict.fromkeys(suites, "0" * 64))
    found = [replace(one, suite=suites[one.suite == "logic"]) for one in answers()]
    page = Report(report_page(Contents.of(run, found)))
    page.check()
    places = [value for name, value in page.attributes if name == "id"]
    assert len(places) == len(set(places))


def test_a_run_without_answers_has_a_page() -> None:
    page = Report(report_page(Contents.of(run_record(), [])))
    page.check()
    assert "No question was answered." in page.text


def test_published_scores_stand_beside_the_measured_ones_with_their_settings() -> None:
    catalogue = load_catalogue(None)
    entry = next(one for one in catalogue.entries if one.benchmarks)
    run = run_record([entry.name, "unknown-model"])
    found = published(run.models, catalogue)
    assert [one.model for one in found] == [entry.name]
    page = Report(report_page(replace(Contents.of(run, []), published=found)))
    page.check()
    score = entry.benchmarks[0]
    for name, value in score.scores.items():
        assert name.replace("_", " ") in page.text
        assert f"{value:g}" in page.text
    assert f"published: {score.at}" in page.text


def test_a_model_without_published_scores_says_so() -> None:
    none = Published("small", "small", "", "", [])
    page = Report(report_page(replace(contents(), published=[none])))
    page.check()
    assert "None found." in page.text
    assert "no statement found" in page.text
    assert "measured here" not in page.text
    some = Published("small", "small", "", "", [("other", "50", "5 shots")])
    page = Report(report_page(replace(contents(), published=[some])))
    assert "measured here: thinking on; 10 answers; seed 7; temperature 0.7" in page.text


def test_names_of_models_are_found_with_a_quantization_or_an_endpoint() -> None:
    catalogue = load_catalogue(None)
    names = ["Pebble", "pebble@office", "pebble:Q8_0", "pebbles"]
    assert [one.model for one in published(run_record(names).models, catalogue)] == names[:3]
