"""What is known of a template is cached for this template alone, and neither damage nor a bad moment makes it wrong."""

from __future__ import annotations

import json
import os
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import date
from pathlib import Path
from typing import Any

import pytest

from mull.chat_template import facts, process
from mull.chat_template.facts import FILE, TemplateFacts
from mull.chat_template.render import render
from mull.chat_template.template import Template
from mull.errors import TemplateError
from mull.fs import json_cache
from mull.reasoning import profiler
from mull.reasoning.describe import as_json
from mull.reasoning.profile import Profile
from tests.reasoning import templates as t

USER = [{"role": "user", "content": "Hi <b>"}]


def profile(source: str, state_dir: Path | None, **known: Any) -> Profile:
    """The profile, as another process makes it."""
    profiler._profile.cache_clear()
    json_cache.forget_memory()
    return profiler.profile(source, state_dir=state_dir, **known)


@contextmanager
def no_renderer() -> Iterator[None]:
    """Within this, nothing can be rendered."""
    process._renderer._end()
    with pytest.MonkeyPatch.context() as patched:
        patched.setattr(sys, "executable", "/nowhere/python")
        yield
    process._renderer._end()


def fields(found: Profile) -> dict[str, Any]:
    return {name: value for name, value in vars(found).items() if name != "template"}


@pytest.mark.parametrize("name", t.ALL)
def test_a_cached_profile_is_the_one_that_was_made(name: str, tmp_path: Path) -> None:
    known = {"special": {"</think>", "<think>"}, **t.KNOWN.get(name, {})}
    plain = profile(t.ALL[name], None, **known)
    made = profile(t.ALL[name], tmp_path, **known)
    with no_renderer():
        again = profile(t.ALL[name], tmp_path, **known)
    assert fields(again) == fields(made) == fields(plain)
    assert as_json(again) == as_json(plain)
    assert again.template is not None
    assert again.template.source == t.ALL[name]


@pytest.mark.parametrize(
    ("source", "known"),
    [
        (t.CLOSED + "{# #}", {}),
        (t.CLOSED, {"special": ["<x>"]}),
        (t.CLOSED, {"architecture": "llama"}),
        (t.CLOSED, {"name": "m"}),
        (t.CLOSED, {"bos": "<s>"}),
        (t.CLOSED, {"eos": "</s>"}),
        (t.CLOSED, {"tokens": (("pad_token", "<pad>"),)}),
    ],
)
def test_other_inputs_are_other_questions(tmp_path: Path, source: str, known: dict[str, Any]) -> None:
    profile(t.CLOSED, tmp_path)
    with no_renderer():
        assert profile(t.CLOSED, tmp_path).kind == "switchable"
        with pytest.raises(TemplateError):
            profile(source, tmp_path, **known)


def test_other_code_asks_again(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    TemplateFacts(tmp_path, "x").put(1, "question")
    assert TemplateFacts(tmp_path, "x").get("question") == 1
    for code in (("another mull",), ()):  # (): its files cannot be looked at
        monkeypatch.setattr(facts, "_code", lambda code=code: code)
        assert TemplateFacts(tmp_path, "x").get("question") is None


def test_what_reads_the_clock_is_asked_every_day(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    class Tomorrow(date):
        @classmethod
        def today(cls) -> date:
            return date(2999, 1, 1)

    dated, plain = "{{ strftime_now('%d') }}", "{{ messages }}"
    for source in (dated, plain):
        TemplateFacts(tmp_path, source).put(1, "question")
        assert TemplateFacts(tmp_path, source).get("question") == 1
    monkeypatch.setattr(facts, "date", Tomorrow)
    assert TemplateFacts(tmp_path, dated).get("question") is None
    assert TemplateFacts(tmp_path, plain).get("question") == 1


@pytest.mark.parametrize(
    "change",
    [
        lambda entry: {**entry, "value": entry["value"].replace("switchable", "none")},
        lambda entry: {**entry, "value": entry["value"][:-1]},
        lambda entry: {**entry, "value": 5},
        lambda entry: {"crc": entry["crc"]},
        lambda _: {},
        lambda _: [],
        lambda _: {"value": "{}", "crc": facts._crc("{}")},
        lambda _: {"value": "[", "crc": facts._crc("[")},
        lambda _: {"value": '{"switch": 1, "effort": 1}', "crc": facts._crc('{"switch": 1, "effort": 1}')},
    ],
)
def test_a_damaged_entry_is_made_again(tmp_path: Path, change: Any) -> None:
    made = profile(t.CLOSED, tmp_path)
    file = tmp_path / FILE
    whole = json.loads(file.read_text(encoding="utf-8"))
    file.write_text(json.dumps({key: change(entry) for key, entry in whole.items()}), encoding="utf-8")
    assert fields(profile(t.CLOSED, tmp_path)) == fields(made)


def test_a_damaged_file_and_a_folder_that_cannot_be_written_cost_nothing_but_time(tmp_path: Path) -> None:
    made = profile(t.CLOSED, tmp_path)
    (tmp_path / FILE).write_bytes(b"{\xff")
    assert fields(profile(t.CLOSED, tmp_path)) == fields(made)
    no_folder = tmp_path / "file"
    no_folder.touch()
    assert fields(profile(t.CLOSED, no_folder)) == fields(made)


@pytest.mark.skipif(not hasattr(os, "getuid"), reason="POSIX permissions")
def test_what_others_could_have_written_is_not_read(tmp_path: Path) -> None:
    TemplateFacts(tmp_path, "x").put(1, "question")
    (tmp_path / FILE).chmod(0o666)
    json_cache.forget_memory()
    assert TemplateFacts(tmp_path, "x").get("question") is None


@pytest.mark.parametrize("value", [float("nan"), "\ud800", {1, 2}, "x" * 60_000, [[]]], ids=repr)
def test_what_json_cannot_carry_spoils_nothing(tmp_path: Path, value: Any) -> None:
    TemplateFacts(tmp_path, "x").put(1, "question")
    TemplateFacts(tmp_path, "x").put(value, "another")
    json_cache.forget_memory()
    assert TemplateFacts(tmp_path, "x").get("another") in (None, value)
    assert TemplateFacts(tmp_path, "x").get("question") == 1


def test_a_bad_moment_is_not_remembered(tmp_path: Path) -> None:
    """The template is cut short while it is probed."""
    endless = "{% for a in range(9999) %}{% for b in range(9999) %}{% endfor %}{% endfor %}"
    hungry = t.CLOSED + "{% if tools %}" + endless + "{% endif %}"
    template = Template(hungry, state_dir=tmp_path)
    with pytest.raises(TemplateError) as error:
        template.render(USER, arguments={"tools": [1]})
    assert error.value.code == "chat_template_limit"
    template.facts.put(1, "question")
    assert template.facts.get("question") is None


def test_one_rendering_is_left_of_a_prompt(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def rendered(template: Template) -> list[str]:
        """The texts of all renderings of one prompt."""
        json_cache.forget_memory()
        texts: list[str] = []
        plain = template.render
        monkeypatch.setattr(template, "render", lambda *a, **k: texts.append(plain(*a, **k)) or texts[-1])
        segments = render(template, USER)
        assert "".join(segment.text for segment in segments if not segment.trusted) == "Hi <b>"
        return texts

    first, second = (Template(t.CLOSED, state_dir=tmp_path) for _ in range(2))
    assert len(rendered(first)) == 3
    assert len(rendered(second)) == 1
