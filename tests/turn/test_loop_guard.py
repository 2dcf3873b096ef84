"""A model that repeats itself is stopped; a text that repeats itself rightly is not."""

from __future__ import annotations

import re
from pathlib import Path

import pytest

from mull.control import TurnControl
from mull.events import Done, Notice
from mull.messages import Message
from mull.structured.reading import from_gbnf
from mull.turn.loop_guard import COPIES, DATA, PERIOD, PROSE, STUCK, WORDED, LoopGuard
from mull.turn.parallel import run_many
from mull.turn.request import TurnRequest
from mull.turn.turn import run
from tests.cli.conftest import CHATML
from tests.model_files.scripted import write_scripted
from tests.streams import check_stream
from tests.turn.legitimate_texts import texts
from tests.turn.test_turn import TAGS, _own_state, ask, settings, speaking

__all__ = ["_own_state"]

STEP = 8  # the guard may need so many tokens more
PIECE = re.compile(r" ?[^\W\d_]{1,6}|\d|\n+|[^\w\s]{1,4}|\s|_{1,8}")
"""About what a model's tokenizer makes of a text: parts of words with the space before them, digits, signs."""
ALWAYS = (
    "{%- for m in messages %}<|im_start|>{{ m.role }}\n{{ m.content.split('</think>')[-1] }}<|im_end|>\n{% endfor %}"
    "{%- if add_generation_prompt %}<|im_start|>assistant\n<think>\n{% endif %}"
)
CAT = [" The", " cat", " sat", " on", " the", " mat", "."]


class Vocabulary:
    """Numbers for pieces of text, in the order in which they come."""

    def __init__(self) -> None:
        self._ids: dict[str, int] = {}
        self._pieces: list[str] = []

    def tokens(self, text: str) -> list[int]:
        found = PIECE.findall(text)
        assert "".join(found) == text
        for piece in found:
            if piece not in self._ids:
                self._ids[piece] = len(self._pieces)
                self._pieces.append(piece)
        return [self._ids[piece] for piece in found]

    def spell(self, token: int) -> bytes:
        return self._pieces[token].encode()


def stopped_after(text: str, question: str = "", *, constrained: bool = False) -> int | None:
    """After how many tokens the guard stops this text; None: never."""
    vocabulary = Vocabulary()
    guard = LoopGuard(vocabulary.spell, question, constrained=constrained)
    tokens = vocabulary.tokens(text)
    return next((count for count, token in enumerate(tokens, 1) if guard.feed(token)), None)


def prose(count: int) -> str:
    """So many tokens of prose, of which no part comes twice."""
    letters = "abcdefghijklmnopqrstuvwxyz"
    return "".join(f" {letters[n // 676 % 26]}{letters[n // 26 % 26]}{letters[n % 26]}" for n in range(count))


def test_legitimate_texts_are_not_stopped() -> None:
    for one in texts(120, seed=7):
        assert stopped_after(one.text, one.question) is None, (one.kind, one.text[:200])


@pytest.mark.parametrize("period", [1, 2, 3, 7, 16, 31, 32, 33, 84, 85, 86, 120, 199, PERIOD])
@pytest.mark.parametrize("before", [0, 5, 400])
def test_a_loop_of_prose_is_stopped(period: int, before: int) -> None:
    text = prose(before + period)
    loop = text[4 * before :]
    stopped = stopped_after(text[: 4 * before] + loop * (3000 // period))
    bound = max(PROSE, COPIES * period)
    assert stopped is not None
    assert before + bound <= stopped < before + bound + STEP


def test_a_loop_with_inner_repetitions_is_found() -> None:
    unit = " ha ha ha ha ha ha bye ha ha ha ha ha ha ha so"
    stopped = stopped_after(unit * 100)
    assert stopped is not None
    assert stopped < PROSE + STEP


def test_an_almost_loop_is_none() -> None:
    """Counting, and a sentence in which one word changes."""
    assert stopped_after("".join(f" The cat number {n} sat on the mat." for n in range(400))) is None


@pytest.mark.parametrize(
    "unit", ["0,0,0,0\n", "| | |\n", "x = x + 1;\n", "<td></td>\n", "null, ", "0xff, ", "😀 "]
)
def test_data_may_repeat_longer_but_not_for_ever(unit: str) -> None:
    stopped = stopped_after(unit * 3000)
    assert stopped is not None
    assert DATA <= stopped <= DATA + STEP


@pytest.mark.parametrize(
    "unit", ["| Japan | Osaka |\n", "print({value!r})\n", '{"name": "Ann", "tags": []}, ']
)
def test_tables_and_code_with_words_may_repeat_a_little_longer(unit: str) -> None:
    stopped = stopped_after(unit * 3000)
    assert stopped is not None
    assert WORDED <= stopped <= WORDED + STEP


@pytest.mark.parametrize(
    ("before", "unit"),
    [
        (
            "| Country | City |\n|---|---|\n| Chile | Lima |\n| Peru | Rome |\n| Chad | Bonn |\n",
            "| Japan | Osaka |\n",
        ),
        ("Date: {year} | Date: {month} | Date: {now('%Y')} | ", "Time: {now('%H:%M')} | "),
        ("<ul>\n<li>Ann</li>\n<li>Bob Lee</li>\n<li>Eve</li>\n", "<li>John</li>\n"),
        ("log(first);\nlog(second);\nlog(third);\n", "log(fourth);\n"),
    ],
    ids=["table", "inline", "list", "code"],
)
def test_rows_that_no_longer_change_are_stopped_within_300_tokens(before: str, unit: str) -> None:
    stopped = stopped_after(before + unit * 3000)
    assert stopped is not None
    began = len(Vocabulary().tokens(before))
    period = len(Vocabulary().tokens(unit))
    assert STUCK - period <= stopped - began <= 300


@pytest.mark.parametrize(
    ("before", "unit", "count"),
    [
        ("name,colour,active\n", "Ann,red,yes\n", 60),  # a heading has the form of the rows
        ("| Day | Who |\n|---|---|\n| Monday | Ann |\n| Sunday | Bob |\n", "| TBD | TBD |\n", 50),
        ('[{"name": "Ann"}, {"name": "Bob"}, ', '{"name": "Nil", "tags": [], "on": true, "sum": 0}, ', 14),
        ("import turtle\npen = turtle.Turtle()\n", "pen.forward(10)\npen.right(10)\n", 24),
    ],
    ids=["csv", "roster", "objects", "code"],
)
def test_equal_rows_after_other_text_may_repeat_as_long_as_others(before: str, unit: str, count: int) -> None:
    text = before + unit * count
    assert len(Vocabulary().tokens(text)) > STUCK + STEP
    assert stopped_after(text) is None


@pytest.mark.parametrize("period", [150, 155, 165])
def test_a_stanza_of_similar_lines_is_stopped_within_300_tokens(period: int) -> None:
    """Lines that differ in their last word, and come again as a whole."""
    line = prose(period // 5 - 2)
    stanza = "".join(f"{line} {last}\n" for last in ("love", "joy", "pain", "luck", "hope"))
    stopped = stopped_after(stanza * 20)
    assert stopped is not None
    assert PROSE <= stopped <= 300


@pytest.mark.parametrize("size", [100, 150, 190])
def test_a_text_that_is_written_again_is_none(size: int) -> None:
    """A draft and its clean copy; one more copy would be a loop."""
    assert stopped_after(prose(size) * 2 + " Done." + prose(size)) is None


def test_a_refrain_of_similar_lines_is_none() -> None:
    line = prose(18)
    refrain = "".join(f"{line} {last}\n" for last in ("love", "joy", "pain", "luck", "hope"))
    verses = prose(400)[4 * 18 :]
    song = "".join(verses[at : at + 160] + "\n\n" + refrain + "\n" for at in range(0, len(verses) - 160, 160))
    assert stopped_after(song) is None


def test_blank_lines_are_a_loop() -> None:
    stopped = stopped_after(" \n" * 3000)
    assert stopped is not None
    assert stopped < PROSE + STEP


@pytest.mark.parametrize(
    ("question", "asked"),
    [
        ('Write "I must not talk in class." 50 times.', True),
        ("repeat after me: i must not talk in class", True),
        ("Schreib fünfzig mal I must not talk in class", True),
        ("“I must not talk in class” 写50次", True),
        ("Where must I not talk? In class?", False),  # the same words, but nothing is to be repeated
        ("Write one line 50 times.", False),  # some line, but not this one
    ],
)
def test_what_was_asked_for_may_be_repeated(question: str, asked: bool) -> None:
    assert (stopped_after(" I must not talk in class.\n" * 50, question) is None) == asked


def test_what_a_grammar_allows_may_be_repeated_longer() -> None:
    text = " the cat sat" * 400
    assert stopped_after(text) is not None
    assert stopped_after(text, constrained=True) is None


def test_a_restart_forgets() -> None:
    vocabulary = Vocabulary()
    guard = LoopGuard(vocabulary.spell, "")
    tokens = vocabulary.tokens(" the cat sat" * 60)
    for _ in range(10):
        assert not any(map(guard.feed, tokens))
        guard.restart()


# with the real engine


@pytest.fixture
def looping(tmp_path: Path) -> Path:
    """Writes one sentence without end; without thinking another one, which ends."""
    return write_scripted(
        tmp_path / "looping.gguf",
        CAT,
        end=False,
        template=CHATML,
        user_defined=TAGS,
        starts={"\n\n": ["Now", " it", " ends", "<|im_end|>"]},
    )


@pytest.fixture
def brooding(tmp_path: Path) -> Path:
    """Thinks without end; once the thinking is closed it answers."""
    return write_scripted(
        tmp_path / "brooding.gguf",
        CAT,
        end=False,
        template=ALWAYS,
        user_defined=TAGS,
        starts={"\n\n": ["Now", " it", " ends", "<|im_end|>"]},
    )


def test_a_looping_answer_is_cut_and_kept(looping: Path) -> None:
    with speaking(looping) as loaded:
        done = ask(loaded, "hi", settings())
        again = ask(loaded, "hi", settings(on=False))
    assert (done.finish, done.limit, done.error, done.exit_code) == ("loop", None, None, 3)
    assert done.answer.startswith(" The cat sat on the mat. The cat")
    assert PROSE <= done.usage.answer < PROSE + STEP
    assert (again.answer, again.finish) == ("Now it ends", "stop"), "the next turn works"


def test_without_the_guard_it_runs_to_the_limit(looping: Path) -> None:
    with speaking(looping) as loaded:
        done = ask(loaded, "hi", settings(loop_guard=False, max_tokens=700))
    assert (done.finish, done.limit, done.usage.answer) == ("length", "max_tokens", 700)


def test_a_stop_string_comes_first(looping: Path) -> None:
    with speaking(looping) as loaded:
        done = ask(loaded, "hi", settings(stop=("mat. The",)))
    assert (done.finish, done.answer) == ("stop", " The cat sat on the ")


def test_looping_thinking_is_ended_and_the_answer_follows(brooding: Path) -> None:
    with speaking(brooding) as loaded:
        events = list(run(loaded, [Message("user", "hi")], settings(), TurnControl()))
    done = check_stream(events)
    assert (done.finish, done.answer) == ("stop", "Now it ends")
    assert PROSE <= done.usage.thinking < PROSE + STEP
    assert [event.code for event in events if isinstance(event, Notice)] == ["thinking_loop"]


def test_thinking_that_loops_again_ends_the_turn(tmp_path: Path) -> None:
    """Here the closed thinking is followed by the same loop, in another thinking."""
    path = write_scripted(
        tmp_path / "stubborn.gguf",
        ["<think>", *CAT, " All", " day", " long"],
        end=False,
        template=CHATML,
        user_defined=TAGS,
        starts={"\n\n": ["<think>", *CAT]},
    )
    with speaking(path) as loaded:
        done = ask(loaded, "hi", settings())
    assert (done.finish, done.answer.strip()) == ("loop", "")
    assert done.usage.thinking < 4 * PROSE


def test_parallel_turns_end_alone(looping: Path) -> None:
    from dataclasses import replace

    from mull.backends.loading import load
    from mull.settings import EngineSettings, ParallelSettings

    loaded = load("l", looping, EngineSettings(threads=1), trusted=True, parallel=ParallelSettings(3))
    wanted = [settings(), settings(on=False), replace(settings(), loop_guard=False, max_tokens=600)]

    class Source:
        ended = False

        def take(self, *, wait: bool) -> TurnRequest | None:  # noqa: ARG002 - the protocol has it
            if not wanted:
                self.ended = True
                return None
            return TurnRequest(3 - len(wanted), [Message("user", "hi")], wanted.pop(0))

    results = {}
    with loaded.engine.model, loaded.engine:
        for one in run_many(loaded, Source(), TurnControl()):
            if one is not None and isinstance(one[1], Done):
                results[one[0]] = one[1]
    assert [results[key].finish for key in range(3)] == ["loop", "stop", "length"]


def test_a_constrained_answer_that_loops_names_the_schema(looping: Path) -> None:
    """A grammar may force a repetition, so it is cut late; what was cut does not match."""
    wanted = from_gbnf('root ::= "[" ("1,")+ "]"')
    with speaking(looping) as loaded:
        done = ask(loaded, "hi", settings(answer_format=wanted))
    assert (done.finish, done.exit_code) == ("schema", 5)
    assert done.error is not None
    assert "repeated itself" in done.error.message
    assert len(done.answer) > DATA / 2
