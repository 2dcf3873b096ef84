"""Hostile chat templates: each ends as a sentence, within limits of time and memory, whatever the way in."""

from __future__ import annotations

import resource
import signal
import subprocess
import sys
import threading
import time
from datetime import datetime
from pathlib import Path

import psutil
import pytest

from mull.chat_template import process
from mull.chat_template.process import stoppable
from mull.chat_template.template import Template
from mull.commands._inspection import Inspected, read_messages
from mull.errors import Interrupted, ModelFileError, TemplateError, UsageError
from mull.models.catalogue.catalogue import CatalogueEntry, load_catalogue
from mull.models.resolved import Resolved
from mull.reasoning.profiler import profile
from tests.reasoning import corpus, templates
from tests.waiting import cpu_seconds, wait_for, wait_until_busy

USER = [{"role": "user", "content": "Hi"}]
LOOP = "{% set ns = namespace(g=START) %}{% for i in range(60000) %}{% set ns.g = STEP %}{% endfor %}"


def loop(start: str, step: str, end: str = "{{ ns.g | list }}") -> str:
    return LOOP.replace("START", start).replace("STEP", step) + end


GIVEN = {  # those that once crashed mull, filled memory or hung
    "int of a long text in base 16": "{% set a = ('9'*999999)|int(0,16) %}{{ a // 7 }}",
    "round to a billion digits": "{{ 5|round(-1000000000) }}",
    "batch by keyword": "{{ [1]|batch(linecount=40000000, fill_with=1)|list|length }}",
    "slice by keyword": "{{ [1]|slice(slices=40000000)|list|length }}",
    "widths in a format": "{{ ('{0:9999}'*99999).format('a')|length }}",
    "batch in a loop": loop("[1]", "ns.g|batch(1)"),
}
RELATIVES = {
    "map in a loop": loop("[1]", "ns.g|map('string')"),
    "select in a loop": loop("[1]", "ns.g|select"),
    "slice in a loop": loop("[1]", "ns.g|slice(1)"),
    "lazy filters inside lists": loop("[1]", "[ns.g]|map('first')"),
    "lazy filters inside dictionaries": loop("[1]", "{'a': ns.g}|map('string')"),
    "nested lists": loop("[]", "[ns.g]", "{{ ns.g }}"),
    "nested lists, compared": loop("[]", "[ns.g]", "{{ ns.g == [ns.g] }}"),
    "nested lists as JSON": loop("[]", "[ns.g]", "{{ ns.g | tojson }}"),
    "nested namespaces": loop("1", "namespace(a=ns.g)", "{{ ns.g }}"),
    "joiners that hold one another": loop("''", "joiner(ns.g)", "{{ ns.g() }}"),
    "cyclers that hold one another": loop("1", "cycler(ns.g)", "{{ ns.g }}"),
    "undefined attributes of undefined": "{{ " + "a" + ".b" * 300_000 + " }}",
    "round by keyword": "{{ 5|round(precision=-1000000000) }}",
    "round down to a billion digits": "{{ 5|round(-1000000000, 'floor') }}",
    "int by keyword": "{{ ('9'*999999)|int(default=0, base=16) // 7 }}",
    "a hexadecimal literal": "{{ 0x" + "f" * 900_000 + " // 7 }}",
    "powers": "{{ 9**9**9 }}",
    "products": loop("7", "ns.g * ns.g", ""),
    "a percent format with many widths": "{{ '%9999s' * 9999 % ((1,) * 9999) }}",
    "a percent format, as a filter": "{{ ('%(a)9999s' * 99999) | format(a=1) }}",
    "precisions in a format": "{{ ('%.9999f' * 99999) | format(*([1.5] * 99999)) }}",
    "center by keyword": "{{ 'a' | center(width=1000000000) }}",
    "indent by keyword": "{{ ('a\n' * 9999) | indent(width=9999, first=true) }}",
    "padding of safe text": "{{ ('a' | safe).ljust(1000000000) }}",
    "padding of escaped text": "{{ ('a' | e).center(1000000000) | length }}",
    "formats of safe text": "{{ (('{0:9999}' * 99999) | safe).format('a') | length }}",
    "indentation in JSON": loop("[]", "[ns.g]", "{{ [ns.g] | tojson(indent=30) }}").replace("60000", "500"),
    "a long text as indentation in JSON": "{{ [[[1]]] | tojson(indent='a' * 900000) }}",
    "long separators in JSON": "{{ range(9999) | list | tojson(separators=('a' * 900000, ':')) }}",
    "many values in JSON": "{{ ('[' ~ '[],' * 300000 ~ '1]') | from_json | length }}",
    "deep JSON": "{{ ('[' * 900000) | from_json }}",
    "sums of lists": "{{ ([range(99) | list] * 900) | sum(start=range(99999) | list) | length }}",
    "strip of many characters": "{{ ('a' * 900000).strip('b' * 900000 ~ 'a') }}",
    "trim of many characters": "{{ ('a' * 900000) | trim('b' * 900000 ~ 'a') }}",
    "a long attribute path": "{{ ([{}] * 50000) | sort(attribute='a.' * 50000) }}",
    "join by attribute": "{{ ([{'a': 'b' * 900000}] * 90000) | join(attribute='a') }}",
    "lines of a long text": "{% for i in range(99) %}{% set x = ('a\n' * 450000).splitlines() %}{% endfor %}",
    "replace by keyword": "{{ ('a' * 900000) | replace(old='a', new='b' * 900000) }}",
    "split by keyword": "{{ ('a ' * 450000).split(sep=' ') | length }}",
    "calls with many arguments": "{% macro m() %}{{ varargs | length }}{% endmacro %}"
    "{% for i in range(99999) %}{{ m(*range(99999)) }}{% endfor %}",
    "a source of many expressions": "{{a}}" * 190_000,
    "a source of many blocks": "{% if a %}b{% endif %}" * 43_000,
    "a deep source": "{% if a %}" * 30_000 + "{% endif %}" * 30_000,
    "a deep expression": "{{ " + "not " * 240_000 + "a }}",
    "a list of many lists": "{{ " + "[" * 90_000 + "]" * 90_000 + " }}",
    "one long expression": "{{ a" + " ~ a" * 240_000 + " }}",
    "long comparisons": "{% for i in range(99999) %}{{ ('a' * 900000) < ('a' * 900000 ~ i) }}{% endfor %}",
    "endless output": "{% for i in range(99999) %}{{ 'a' * 9999 }}{% endfor %}",
    "recursion": "{% macro f(x) %}{{ f(x) }}{% endmacro %}{{ f(1) }}",
    "a message of an exception": "{{ raise_exception('a' * 900000) }}",
    "a long output for every question": "{{ messages[0].content ~ '<think>[x](' * 90000 }}",
    "brackets without end": "{{ messages[0].content ~ '<' * 900000 }}",
    "a long output with markers": "{{ '<|a|>' * 180000 ~ messages[0].content ~ '</think>' }}",
    "a variable with many values": "{{ messages[0].content }}{% if reasoning_effort in ["
    + ",".join(f"'e{number}'" for number in range(3000))
    + "] %}{{ reasoning_effort }}<think>{% endif %}",
    "many variables": "{{ messages[0].content }}"
    + "".join(f"{{% if thinking{number} %}}<think>{{% endif %}}" for number in range(900)),
    "work only after the profile": "{% if messages | length > 5 %}{{ 5|round(-1000000000) }}{% endif %}"
    "{{ messages[0].content }}",
}


def outcome(source: str) -> TemplateError | None:
    """What comes of profiling a template and rendering a conversation with it."""
    try:
        found = profile(source).template
        assert found is not None
        found.render(USER * 9)
    except TemplateError as error:
        return error
    return None


@pytest.fixture(scope="module", autouse=True)
def _started() -> None:
    Template("")


@pytest.mark.parametrize("source", [*GIVEN.values(), *RELATIVES.values()], ids=[*GIVEN, *RELATIVES])
def test_a_hostile_template_is_a_sentence_within_the_limits(source: str) -> None:
    assert len(source) <= 1_000_000
    before, others = resource.getrusage(resource.RUSAGE_SELF).ru_utime, renderers()
    failure = outcome(source)
    if failure is not None:
        assert failure.message.endswith(".")
        assert "\n" not in failure.message
        assert len(failure.message) < 700
    used = resource.getrusage(resource.RUSAGE_SELF).ru_utime - before
    assert used < 1  # this process
    assert renderers() - others < 4  # of processor time; at most 1.2 on an idle machine
    assert Template("{{ messages[0].content }}").render(USER) == "Hi"


SLOW = "{% for i in range(90000) %}{% for j in range(90000) %}{% endfor %}{% endfor %}"


def renderers() -> float:
    """Processor time of all renderer processes so far, those that have ended included."""
    ended = resource.getrusage(resource.RUSAGE_CHILDREN)
    return ended.ru_utime + ended.ru_stime + cpu_seconds(renderer().pid)


def kill_when_busy(
    victim: subprocess.Popen[bytes], seconds: float, number: signal.Signals
) -> threading.Thread:
    """Send the signal once the process has computed for so long."""

    def kill() -> None:
        wait_until_busy(victim.pid, seconds)
        victim.send_signal(number)

    killer = threading.Thread(target=kill)
    killer.start()
    return killer


def renderer() -> subprocess.Popen[bytes]:
    """The renderer process that there is."""
    child = process._renderer.child()
    return child._process


@pytest.mark.parametrize(
    ("number", "words"),
    [
        (signal.SIGSEGV, "rendering it crashed (SIGSEGV)"),
        (signal.SIGPROF, "it runs too long"),
        (signal.SIGKILL, "it needs too much memory"),  # by the system's out-of-memory killer
    ],
)
def test_a_crash_is_a_sentence_and_the_next_template_renders(number: signal.Signals, words: str) -> None:
    template = Template(f"{{# {words} #}}{{% if messages | length > 1 %}}{SLOW}{{% endif %}}x")
    victim = renderer()
    killer = kill_when_busy(victim, 0.1, number)
    with pytest.raises(TemplateError) as error:
        template.render(USER * 2)
    killer.join()
    assert error.value.code == "chat_template_limit"
    assert words in error.value.message
    assert victim.poll() is not None
    assert Template(templates.CLOSED).render(USER)


def test_a_template_that_keeps_crashing_does_not_start_a_process_for_every_rendering() -> None:
    template, started = Template("{# keeps crashing #}" + SLOW), set()
    for _ in range(20):
        started.add(renderer().pid)
        killer = threading.Timer(0.02, renderer().send_signal, [signal.SIGSEGV])
        killer.start()
        with pytest.raises(TemplateError):
            template.render(USER)
        killer.cancel()
    assert len(started) < 6


def test_renderings_of_one_template_share_their_time() -> None:
    template = Template("{# shares #}" + SLOW)
    subprocess.run(["true"], check=True)  # with it, ended children of other tests are counted now
    used, others = time.process_time(), renderers()
    for _ in range(50):
        with pytest.raises(TemplateError):
            template.render(USER)
    assert time.process_time() - used < 1
    assert renderers() - others < 4


def test_a_batch_of_normal_renderings_is_within_the_limits() -> None:
    template = Template(templates.CLOSED)
    for number in range(300):
        assert str(number) in template.render([{"role": "user", "content": f"{number} " + "word " * 500}])


def test_a_stop_ends_a_rendering_at_once() -> None:
    template = Template("{# stopped #}" + SLOW)
    working, before = renderer().pid, cpu_seconds(renderer().pid)
    with stoppable(lambda: cpu_seconds(working) > before + 0.1), pytest.raises(Interrupted):
        template.render(USER)  # at its own limit it would be a TemplateError
    assert Template("x").render(USER) == "x"


@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM])
def test_a_signal_ends_mull_and_its_renderer(tmp_path: Path, number: signal.Signals) -> None:
    path = tmp_path / "slow.jinja"
    path.write_text("{# signals #}" + SLOW)
    shown = (
        "import sys, threading, time; from mull.chat_template import process\n"
        "def show():\n"
        "    while not (child := process._renderer._child): time.sleep(0.01)\n"
        "    time.sleep(0.15); print(child._process.pid, flush=True)\n"
        "threading.Thread(target=show, daemon=True).start()\n"
        "from mull.app import main; sys.argv[1:] = ['inspect', sys.argv[1]]; main()\n"
    )
    mull = subprocess.Popen(
        [sys.executable, "-c", shown, str(path)], stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True
    )
    assert mull.stdout is not None
    child = int(mull.stdout.readline())
    mull.send_signal(number)
    _, errors = mull.communicate(timeout=60)
    assert mull.returncode != 0
    assert "Traceback" not in errors
    # It sees the end of its input, or reaches its limit of processor time.
    wait_for(lambda: not psutil.pid_exists(child), "the renderer's end")


@pytest.mark.parametrize("text", ["a\ud800b", "\udcff", "\U0010fffd\U000f0000", "\x00\x1b[0m", "é" * 70_000])
def test_any_text_passes_through_unchanged(text: str) -> None:
    assert Template("{{ messages[0].content }}").render([{"role": "user", "content": text}]) == text


def test_a_value_that_nests_too_deep_is_a_sentence() -> None:
    deep: list[object] = []
    for _ in range(100_000):
        deep = [deep]
    with pytest.raises(TemplateError) as error:
        Template("{{ messages[0].content }}").render(
            [{"role": "user", "content": "Hi"}], arguments={"x": deep}
        )
    assert error.value.message.endswith(".")


@pytest.mark.parametrize("python", ["", "/nowhere/python"])
def test_a_renderer_that_cannot_start_is_a_sentence(monkeypatch: pytest.MonkeyPatch, python: str) -> None:
    process._renderer._end()
    with monkeypatch.context() as patched:
        patched.setattr(sys, "executable", python)
        process.prestart()  # raises nothing
        with pytest.raises(TemplateError) as error:
            Template("x").render(USER)
    assert error.value.code == "renderer_unavailable"
    assert Template("x").render(USER) == "x"


def test_deep_json_is_a_sentence(tmp_path: Path) -> None:
    path = tmp_path / "tokenizer_config.json"
    path.write_text('{"chat_template": ' + "[" * 100_000)
    with pytest.raises(UsageError) as messages:
        read_messages(path)
    assert messages.value.code == "invalid_messages"
    with pytest.raises(ModelFileError) as file:
        Inspected.open(path)
    assert file.value.code == "no_chat_template"


PUBLISHED = corpus.sources()


@pytest.mark.parametrize(
    "source", [*templates.ALL.values(), *PUBLISHED.values()], ids=[*templates.ALL, *PUBLISHED]
)
def test_both_processes_render_alike(source: str) -> None:
    remote, local = profile(source), profile(source, vouched=True)
    for field in remote.__dataclass_fields__:
        if field != "template":
            assert getattr(remote, field) == getattr(local, field)
    now, failures = datetime(2024, 2, 29, 12, 30), []
    for messages in (USER, [*USER, {"role": "assistant", "content": "Yo", "reasoning_content": "Hm"}, *USER]):
        outcomes = []
        for made in (remote, local):
            assert made.template is not None
            try:
                outcomes.append(made.template.render(messages, now=now))
            except TemplateError as error:
                failures.append(error)
                outcomes.append(f"{error.code}: {error.message}")
        assert outcomes[0] == outcomes[1]
    assert len(failures) < 4


def test_a_model_is_vouched_for_by_the_catalogue_and_its_digest() -> None:
    path, entry = Path("m.gguf"), load_catalogue(Path("nowhere")).entries[0]

    def vouched(*, trusted: bool, entry: CatalogueEntry | None) -> bool:
        return Resolved("m", path, "flag", trusted, entry, "hub").vouched

    assert vouched(trusted=True, entry=entry)
    assert not vouched(trusted=False, entry=entry)
    assert not vouched(trusted=True, entry=None)  # anybody can publish
    assert Resolved("pebble", path, "builtin", trusted=True, entry=None, source="builtin").vouched
