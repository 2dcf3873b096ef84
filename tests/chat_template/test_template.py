"""Chat templates: rendered as by Hugging Face, and stopped where they misbehave."""

from __future__ import annotations

import threading
from datetime import datetime

import pytest

from mull.chat_template.template import Template
from mull.errors import TemplateError

USER = [{"role": "user", "content": "Hi"}]


def rendered(source: str, **arguments: object) -> str:
    tokens = (("pad_token", "<pad>"), ("unk_token", "<unk>"))
    return Template(source, bos="<s>", eos="</s>", tokens=tokens).render(USER, arguments=arguments)


@pytest.mark.parametrize(
    ("source", "text"),
    [
        ("{{ bos_token }}{{ messages[0].content }}{{ eos_token }}", "<s>Hi</s>"),
        ("{% if true %}\n  a\n{% endif %}\n  {% if true %}b{% endif %}", "  a\nb"),  # trim and lstrip blocks
        ("{% for i in range(9) %}{% if i == 2 %}{% break %}{% endif %}{{ i }}{% endfor %}", "01"),
        ("{% generation %}a{% endgeneration %}b", "ab"),
        ("{{ {'a': '<é>'} | tojson }}", '{"a": "<é>"}'),
        ("{{ {'b': 1, 'a': 2} | tojson(indent=1, sort_keys=true) }}", '{\n "a": 2,\n "b": 1\n}'),
        ("{{ ('[1, 2]' | from_json)[1] }}", "2"),
        ("{{ add_generation_prompt }}{{ x | default('d') }}{{ y is defined }}", "TruedFalse"),
        ("{{ messages | map(attribute='role') | join('-') }}", "user"),
        ("{% set ns = namespace(a=1) %}{% set ns.a = ns.a + 1 %}{{ ns.a }}", "2"),
        ("{{ 'a' ~ 1 ~ 'b' }}{{ 'abc'[1:] }}{{ 'abc'[::-1] }}{{ '%s-%d' % ('x', 3) }}", "a1bbccbax-3"),
        ("{% macro m(x) %}[{{ x }}{{ caller() }}]{% endmacro %}{% call m('b') %}!{% endcall %}", "[b!]"),
        ("{% for k, v in {'a': 1}.items() %}{{ k }}{{ v }}{% endfor %}", "a1"),
        ("{% for m in messages if m.role == 'user' %}{{ loop.first }}{{ loop.index }}{% endfor %}", "True1"),
        ("{{ tools is defined and tools is none and documents is none }}", "True"),
        ("{% if tools is not none %}Call {{ tools | tojson }}.{% endif %}{{ messages[0].content }}", "Hi"),
        ("{% for tool in tools %}{{ tool }}{% endfor %}-", "-"),  # lists them without a test
        ("{{ documents | length }}{{ tools is defined }}", "0False"),
        ("{{ pad_token + unk_token }}{{ pad_token is defined }}", "<pad><unk>True"),
        ("{{ sep_token is defined }}{{ cls_token }}{{ mask_token }}", "False"),  # the model has none
        ("{{ functions }}|{{ messages[0].missing }}", "|"),
        ("{{ 'Needs: ' + functions }}", "Needs: "),  # a variable that only a vendor's tools define
    ],
)
def test_it_renders_as_hugging_face_does(source: str, text: str) -> None:
    assert rendered(source) == text


def test_the_clock_can_be_fixed() -> None:
    moment = datetime(2024, 2, 29)
    assert Template("{{ strftime_now('%d %b %Y') }}").render(USER, now=moment) == "29 Feb 2024"


@pytest.mark.parametrize(
    ("code", "source"),
    [
        ("chat_template_syntax", "{% for %}"),
        ("chat_template_syntax", "{{ x | nosuchfilter }}"),
        ("chat_template_syntax", "{{ " + "(" * 3000 + "1" + ")" * 3000 + " }}"),
        ("chat_template_refused", "{{ raise_exception('no such role') }}"),
        ("chat_template_failed", "{{ missing.attribute.of }}"),
        ("chat_template_failed", "{% include 'x' %}"),
        ("chat_template_unsafe", "{{ ''.__class__ }}"),
        ("chat_template_unsafe", "{{ ''.__class__.__mro__[1].__subclasses__() }}"),
        ("chat_template_unsafe", "{{ ''|attr('__class__') }}"),
        ("chat_template_unsafe", "{{ '{0.__class__}'.format(1) }}"),
        ("chat_template_unsafe", "{{ raise_exception.__globals__ }}"),
        ("chat_template_unsafe", "{{ cycler.__init__.__globals__ }}"),
        ("chat_template_unsafe", "{{ messages.append(1) }}"),
        ("chat_template_unsafe", "{{ messages[0].update(role='system') }}"),
        ("chat_template_unsafe", "{{ (1).to_bytes(10**9, 'big') }}"),
        ("chat_template_unsafe", "{{ 'a'.ljust(10**10) }}"),
    ],
)
def test_every_failure_is_a_template_error(code: str, source: str) -> None:
    with pytest.raises(TemplateError) as error:
        rendered(source)
    assert error.value.code == code
    assert error.value.message.endswith(".")
    assert error.value.hint


BLOCKS = (
    "{% set ns = namespace(s='aaaaaaaa') %}{% for i in range(60) %}{% set t %}{{ ns.s }}{{ ns.s }}{% endset %}"
    "{% set ns.s = t %}{% endfor %}"
)
SLICES = (
    "{% set ns = namespace(l=[], b='é€' * 400000) %}{% for i in range(9999) %}"
    "{% set ns.l = [ns.l, ns.b[i:]] %}{% endfor %}"
)
GROW = "{% set ns = namespace(x=START) %}{% for i in range(60) %}{% set ns.x = STEP %}{% endfor %}"


@pytest.mark.parametrize(
    "source",
    [
        "{% for i in range(100000) %}{% for j in range(100000) %}{% endfor %}{% endfor %}",
        "{% for i in range(100000) %}{% for j in range(100000) if j < 0 %}{% endfor %}{% endfor %}",
        "{% macro f(x) %}{% if x %}{{ f(x - 1) }}{{ f(x - 1) }}{% endif %}{% endmacro %}{{ f(60) }}",
    ],
)
def test_an_endless_loop_is_stopped(source: str) -> None:
    with pytest.raises(TemplateError) as error:
        rendered(source)
    assert error.value.code == "chat_template_limit"


@pytest.mark.parametrize(
    "source",
    [
        "{% for i in range(10**9) %}{% endfor %}",
        "{{ 'a' * 10**10 }}",
        "{{ ['a'] * 10**9 }}",
        GROW.replace("START", "'aaaaaaaaaa'").replace("STEP", "ns.x + ns.x"),
        GROW.replace("START", "'aaaaaaaaaa'").replace("STEP", "ns.x ~ ns.x"),
        GROW.replace("START", "['a']").replace("STEP", "[ns.x, ns.x]") + "{{ ns.x }}",
        GROW.replace("START", "['a']").replace("STEP", "[ns.x, ns.x]") + "{{ ns.x | tojson }}",
        GROW.replace("START", "['a']").replace("STEP", "{1: ns.x, 2: ns.x}.values()") + "{{ ns.x }}",
        GROW.replace("START", "['a']").replace("STEP", "namespace(a=ns.x, b=ns.x)") + "{{ ns.x }}",
        GROW.replace("START", "7").replace("STEP", "ns.x * ns.x"),
        BLOCKS,
        SLICES,
        "{% for i in range(99999) %}{% set x = ('a' * 900000).upper() %}{% endfor %}",
        "{% for i in range(99999) %}{{ 'a' * 100000 }}{% endfor %}",
        "{% macro f(x) %}{{ f(x) }}{{ f(x) }}{% endmacro %}{{ f(1) }}",
        "{% block a %}{{ self.a() }}{{ self.a() }}{% endblock %}",
        "{% for m in [messages] recursive %}{{ loop(m) }}{% endfor %}",
        "{{ '%1000000000d' % 1 }}",
        "{{ '{:1000000000}'.format(1) }}",
        "{{ '{:{}}'.format(1, 10**9) }}",
        "{{ 'a' | center(10**10) }}",
        "{{ ('a' * 1000000).replace('a', 'b' * 1000000) }}",
        "{{ ('a' * 1000000) | replace('a', 'b' * 1000000) }}",
        "{{ ('a' * 1000000).join(['b'] * 100000) }}",
        "{{ [1] | batch(10**9, 0) | list }}",
        "{{ [1] | slice(10**9) | list }}",
        "{{ ('é€' * 400000) | list | length }}",
        "{{ ('a ' * 450000).split() | length }}",
        "{{ (['a' * 900000] * 90000) | map('upper') | list | length }}",
        "{{ 'a' | tojson(indent=10**9) }}",
        "{{ strftime_now('%Y' * 10000000) }}",
    ],
)
def test_an_oversized_value_is_never_made(source: str) -> None:
    with pytest.raises(TemplateError) as error:
        rendered(source)
    assert error.value.code == "chat_template_limit"


def test_a_range_without_end_is_said_in_plain_words() -> None:
    with pytest.raises(TemplateError, match=r"stopped: a range or a number in it is too large\.$"):
        rendered("{% for i in range(10**9) %}{% endfor %}")


def test_templates_render_in_several_threads() -> None:
    template = Template("{% for i in range(300) %}{{ messages[0].content }}{% endfor %}")
    results: list[str] = []

    def work(text: str) -> None:
        results.append(template.render([{"role": "user", "content": text}]))

    threads = [threading.Thread(target=work, args=(str(number),)) for number in range(8)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert sorted(results) == sorted(str(number) * 300 for number in range(8))


def test_a_long_conversation_is_within_limits() -> None:
    template = Template("{% for m in messages %}{{ '<' + m.role + '>' + m.content | trim }}{% endfor %}")
    text = "line of text\n" * 200_000
    assert len(template.render([{"role": "user", "content": text}] * 3)) > 7_000_000
