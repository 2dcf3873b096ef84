"""Formulas as Unicode text: what they become, what stays LaTeX, and how they stand in an answer."""

from __future__ import annotations

import re

import pytest
from hypothesis import given
from hypothesis import strategies as st

from mull.terminal.console.style import Style
from mull.terminal.markdown.math import LONGEST, unicode_math
from mull.terminal.markdown.stream import MarkdownStream, render

PLAIN = Style(plain=True)


@pytest.mark.parametrize(
    ("source", "text"),
    [
        (r"e^{i\pi} + 1 = 0", "e^(iπ) + 1 = 0"),
        (r"x_{i+1}^2", "xᵢ₊₁²"),
        (r"\frac{a+b}{c}", "(a+b)/c"),
        (r"\frac{-b \pm \sqrt{b^2 - 4ac}}{2a}", "(-b ± √(b² - 4ac))/(2a)"),
        (r"\frac12 x", "(1/2) x"),
        (r"2\frac{1}{2}", "2(1/2)"),  # "21/2" would be another number
        (r"1/\frac{a}{b}", "1/(a/b)"),
        (r"\sin\frac{a}{b}", "sin(a/b)"),
        (r"\left(\frac{a}{b}\right)^n", "(a/b)ⁿ"),
        (r"x^{\frac{1}{2}}", "x^(1/2)"),
        (r"\sqrt{x}y", "(√x)y"),
        (r"\sqrt{\frac{a}{b}}", "√(a/b)"),
        (r"\sqrt[3]{x}", "∛x"),
        (r"\sum_{i=1}^{n} i = \frac{n(n+1)}{2}", "∑ᵢ₌₁ⁿ i = n(n+1)/2"),
        (r"\int_0^\infty e^{-x^2}\,dx", "∫₀^∞ e^(-x²) dx"),
        (r"\sin^2\theta + \cos x", "sin² θ + cos x"),
        (r"O(n \log n)", "O(n log n)"),
        (r"\log_2 n", "log₂ n"),
        (r"x \in \mathbb{R}, x \neq 0", "x ∈ ℝ, x ≠ 0"),
        (r"P(A \mid B)", "P(A | B)"),
        (r"\vec{v} \cdot \hat{n}", "v⃗ · n̂"),
        (r"\begin{pmatrix} a & b \\ c & d \end{pmatrix}", "(a, b; c, d)"),
        (r"\begin{cases} x & \text{if } x > 0 \\ -x \end{cases}", "{ x, if x > 0; -x"),
        (r"x_{\text{in use}}", "x_(in use)"),
        (r"90^\circ, f''(x), 10\%", "90°, f″(x), 10%"),
        (r"a \equiv b \pmod{n}", "a ≡ b (mod n)"),
        (r"\{1, \ldots, n\}", "{1, …, n}"),
    ],
)
def test_formulas(source: str, text: str) -> None:
    assert unicode_math(source) == (text,)


def test_rows_are_separate_lines() -> None:
    assert unicode_math(r"\begin{align*} a &= b \\ c &= d \end{align*}") == ("a = b", "c = d")
    assert unicode_math(r"\begin{aligned} a &= b \\[2pt] c &= d \\ \end{aligned}") == ("a = b", "c = d")
    assert unicode_math("a = b \\\\\nc = d \\\\") == ("a = b", "c = d")


@pytest.mark.parametrize(
    "source",
    [
        *(
            r"\unknown{x}",
            r"\cancel{x}",
            r"\underbrace{a+b}_{n}",
            r"\overset{a}{b}",
            r"\sqrt[5]{x}",
            r"\hat{xy}",
        ),
        *("x^", "x^2^3", "{x", "x}", r"\frac{a}", r"\begin{tikzpicture}\end{tikzpicture}", r"\begin{align}x"),
        *("", "a % b", "a # b", "\ue001x", "{" * 200 + "}" * 200, "x" * (LONGEST + 1), r"\frac{" * 500),
    ],
)
def test_what_text_cannot_say_stays_as_it_is(source: str) -> None:
    assert unicode_math(source) is None
    if source and "\ue001" not in source:
        shown = "".join("".join(render(f"\\({source}\\)", 80, PLAIN, math=True)).split())
        assert shown == "".join("".join(render(f"\\({source}\\)", 80, PLAIN)).split())


PIECES = r"\frac{a}{b} ^ _ { } \sqrt x 1 + = \alpha \left( \right) & \\ \begin{cases} \end{cases} \text{a} ' % \, $"


@given(st.lists(st.sampled_from([*PIECES.split(), " "])))
def test_no_formula_fails_or_leaves_a_private_character(pieces: list[str]) -> None:
    rows = unicode_math("".join(pieces))
    assert rows is None or not re.search("[\ue000-\uf8ff\n]|  ", "".join(rows))


@pytest.mark.parametrize(
    ("source", "lines"),
    [
        ("The sum $a_1 + b^2$, and \\(x\\).", ["The sum a₁ + b², and x."]),
        ("$$\n\\alpha\n= 1\n$$", ["  α = 1"]),
        ("$$\na = b \\\\\nc = d\n$$", ["  a = b", "  c = d"]),
        ("\\[ \\unknown \\]", ["  \\[ \\unknown \\]"]),
        ("|a|\n|-|\n|$x^2$|", ["a", "──", "x²"]),
        ("from $5 to $10, US$100M to US$, $HOME$", ["from $5 to $10, US$100M to US$, $HOME$"]),
        ("`$x^2$`", ["`$x^2$`"]),
        ("$$\n\\alpha", ["  $$", "  \\alpha"]),  # not closed
    ],
)
def test_formulas_in_an_answer(source: str, lines: list[str]) -> None:
    assert render(source, 40, PLAIN, math=True) == lines
    view, streamed = MarkdownStream(PLAIN, math=True), list[str]()
    for char in source:
        view.feed(char)
        streamed += view.take(40, 10)[0]
    assert streamed + view.finish(40) == lines


def test_formulas_stay_latex_without_unicode_or_on_request() -> None:
    assert render("$x^2$", 40, PLAIN) == ["$x^2$"]
    assert render("$x^2$", 40, PLAIN, math=True, unicode=False) == ["$x^2$"]
