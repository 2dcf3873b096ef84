"""What a chat looks like: the card at its start, questions, the bar, and the figures after an answer."""

from __future__ import annotations

import re
import sys
from collections.abc import Callable
from pathlib import Path

import pyte
import pytest

from mull.store.sessions import Store
from tests.model_files.scripted import write_scripted

if sys.platform == "win32":
    pytest.skip("needs a pseudo-terminal", allow_module_level=True)

from tests.chat.conftest import ChatTerminal

Chat = Callable[..., "object"]
PLAIN = (
    "{% for m in messages %}<|im_start|>{{ m.role }}\n{{ m.content }}<|im_end|>\n{% endfor %}"
    "{% if add_generation_prompt %}<|im_start|>assistant\n{% endif %}"
)
DARK = {"MULL_THEME": "dark", "COLORTERM": "truecolor"}


@pytest.fixture(scope="session")
def plain(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A model that cannot think."""
    folder = tmp_path_factory.mktemp("models")
    return write_scripted(folder / "plain-Q8_0.gguf", ["Forty", "-two", "."], template=PLAIN, name="plain")


@pytest.mark.parametrize("columns", [120, 80, 40])
def test_the_card_names_the_model_and_what_to_ask(chat: Chat, columns: int) -> None:
    with chat(None, columns=columns, rows=30) as terminal:
        terminal.wait(lambda: terminal.ready, "the prompt")
        card = terminal.lines[: next(n for n, line in enumerate(terminal.lines) if line.startswith("╰")) + 1]
        assert "mull" in card[0]
        assert len({len(line) for line in card}) == 1  # a box
        text = " ".join(" ".join(line.strip("│ ") for line in card).split())
        for part in ("pebble", "4.7 MB", "thinks", "How many r's are in strawberry?", "/help", "mull "):
            assert part in text
        assert "Ask a question" in terminal.text
        terminal.leave()


@pytest.mark.parametrize(
    ("banner", "shown"), [("line", "plain-Q8_0 · /help shows"), ("off", ""), ("full", "╭─")]
)
def test_the_banner_is_configured(
    chat: Chat, plain: Path, home: dict[str, str], banner: str, shown: str
) -> None:
    config = Path(home["MULL_CONFIG_DIR"])
    config.mkdir(parents=True, exist_ok=True)
    (config / "config.toml").write_text(f'banner = "{banner}"\n')
    with chat(plain) as terminal:
        terminal.wait(lambda: terminal.ready, "the prompt")
        above = "\n".join(
            terminal.lines[: next(n for n, line in enumerate(terminal.lines) if line[:1] == "─")]
        )
        assert shown in above
        assert bool(above.strip()) == bool(shown)
        assert ("╭─" in above) == (banner == "full")
        if banner == "full":
            assert re.search(r"\d kB · Q8_0", above)


def test_who_comes_often_gets_one_line(chat: Chat, plain: Path, kept: Store) -> None:
    for number in range(10):
        kept.start(name=f"session {number}")
    with chat(plain) as terminal:
        terminal.wait(lambda: terminal.ready, "the prompt")
        assert "╭" not in terminal.text
        assert "/help shows commands and keys" in terminal.text


def test_a_question_stands_out_and_figures_follow_the_answer(chat: Chat, thinker: Path) -> None:
    with chat(thinker, env=DARK) as terminal:
        terminal.say("What is it?")
        terminal.shows("Forty-two.")
        terminal.wait(lambda: terminal.ready, "the prompt")
        lines = terminal.lines
        asked = lines.index("> What is it?")
        row = terminal.screen.buffer[asked]
        assert row[0].fg == "38b1c0"  # the accent
        assert {row[column].bg for column in range(80)} == {"2f343b"}  # to the edge
        assert lines[asked + 1] == ""
        assert lines[asked + 2].startswith("▸ Thought for")
        answer = lines.index("Forty-two.")
        figures = r"\d\.\d s · \d+ tokens · [\d,]+ tokens/s · context \d+ of 4,096 tokens"
        assert lines[answer + 1] == ""
        assert re.fullmatch(figures, lines[answer + 2])
        assert re.search(r" · [\d,]+ tokens/s", lines[-1])
        terminal.say("/help nothing")
        terminal.shows("> /help nothing")
        commanded = terminal.lines.index("> /help nothing")
        assert terminal.screen.buffer[commanded][10].bg == "default"
        terminal.leave()


def test_one_blank_line_follows_thinking_without_an_answer(chat: Chat, thinker: Path) -> None:
    """Before what is said about it, and before the figures."""
    with chat(thinker, "--max-tokens", "2") as terminal:
        terminal.say("What is it?")
        terminal.shows("▸ Thought for")
        terminal.wait(lambda: terminal.ready, "the prompt")
        thought = next(n for n, line in enumerate(terminal.lines) if line.startswith("▸ Thought"))
        below = terminal.lines[thought + 1 : -5]  # above the blank line and the frame of the input
        assert below[0] == ""
        assert all(below[1:])
        assert " · context " in below[-1] or len(below) > 1
        terminal.leave()


def test_a_long_question_is_shown_in_part(chat: Chat, thinker: Path, kept: Store) -> None:
    text = "\n".join(f"line {number}" for number in range(100))
    with chat(thinker) as terminal:
        terminal.wait(lambda: terminal.ready, "the prompt")
        terminal.press(f"\x1b[200~{text}\x1b[201~")
        terminal.wait("[pasted 100 lines]")
        terminal.press("\x18\x10")  # unfolds it
        terminal.wait("line 99")
        terminal.press("\r")
        terminal.shows("Forty-two.")
        terminal.leave()
    (turn,) = kept.branch(kept.sessions()[0].id)
    assert turn.question == text
    with chat(thinker, "-c") as terminal:
        terminal.shows("… 77 more lines")
        assert "> line 0" in terminal.everything
        assert "  line 22" in terminal.everything
        assert "  line 23" not in terminal.everything
        terminal.leave()


def test_the_bar_names_no_thinking_of_a_model_that_cannot(chat: Chat, plain: Path, thinker: Path) -> None:
    with chat(plain) as terminal:
        terminal.say("What is it?")
        terminal.shows("Forty-two.")
        terminal.wait(lambda: terminal.ready and "of 4,096" in terminal.lines[-1], "the bar")
        assert "thinking" not in terminal.lines[-1]
        terminal.say(f"/model {thinker}")
        terminal.wait(lambda: terminal.ready and "thinking auto" in terminal.lines[-1], "the bar")
        terminal.leave()


def test_without_unicode_it_is_ascii(chat: Chat, plain: Path) -> None:
    ascii_only = {"LC_ALL": "C", "PYTHONUTF8": "0", "PYTHONCOERCECLOCALE": "0"}
    with chat(plain, env=ascii_only) as terminal:
        terminal.wait(lambda: "> Ask" in terminal.text, "the prompt")
        terminal.press("What is it?\r")
        terminal.shows("Forty-two.")
        terminal.wait(lambda: "tokens/s" in terminal.text, "the figures")
        assert terminal.text.isascii()
        assert terminal.text.count("?") == 2  # those of the questions: nothing else was replaced


def test_the_frame_stays_between_a_question_and_the_next_prompt(chat: Chat, thinker: Path) -> None:
    with chat(thinker, rows=30) as terminal:
        terminal.say("one?")
        terminal.shows("Forty-two.")
        terminal.wait(lambda: terminal.ready, "the prompt")
        began = len(terminal.received)
        terminal.say("two?")
        terminal.count("Forty-two.", 2)
        terminal.wait(lambda: terminal.ready and "tokens/s" in terminal.lines[-1], "the prompt")
        screen = pyte.Screen(80, 30)
        stream = pyte.ByteStream(screen)
        without = 0.0  # seconds in which something else than two lines of a frame was to be seen
        times = [at for at, _ in terminal.received]
        for number, (at, data) in enumerate(terminal.received):
            stream.feed(data)
            rules = sum(line.startswith("───") for line in screen.display)
            if began < number < len(times) - 1 and rules != 2:
                without = max(without, times[number + 1] - at)
        quickest = times[-1] - times[began]
        assert without < max(0.05, quickest / 4)
        terminal.leave()


def test_notes_go_to_a_stderr_that_is_a_file(home: dict[str, str], plain: Path, tmp_path: Path) -> None:
    command = [sys.executable, "-m", "mull", "chat", "-m", str(plain)]
    with ChatTerminal(command, environ=home, stderr=tmp_path / "err") as terminal:
        terminal.say("one?")
        terminal.shows("Forty-two.")
        terminal.leave()
        assert "3tokens" not in terminal.squeezed
    assert "3 tokens" in (tmp_path / "err").read_text()


def test_a_turn_that_is_shown_again_has_its_figures(chat: Chat, plain: Path) -> None:
    with chat(plain) as terminal:
        terminal.say("one?")
        terminal.shows("Forty-two.")
        terminal.shows("3 tokens")
        terminal.leave()
    with chat(plain, "-c") as terminal:
        terminal.shows("Resumed")
        terminal.shows("3 tokens")
        terminal.leave()


def test_the_card_says_what_the_file_of_an_unknown_model_does(chat: Chat, plain: Path, thinker: Path) -> None:
    for model, thinks in ((plain, True), (thinker, False)):
        with chat(model) as terminal:
            terminal.wait(lambda: terminal.ready, "the prompt")
            assert "4,096 tokens of context" in terminal.text
            assert ("does not think" in terminal.text) == thinks
            terminal.leave()


def test_a_stopped_answer_stands_apart_from_what_says_so(chat: Chat, endless: Path) -> None:
    with chat(endless, "--no-reason") as terminal:
        terminal.say("Go on.")
        terminal.wait("w20")
        terminal.press("\x1b")
        terminal.wait("■ Stopped")
        terminal.wait(lambda: terminal.ready, "the prompt")
        at = terminal.lines.index("■ Stopped")
        assert not terminal.lines[at - 1]
        assert terminal.lines[at - 2]
        terminal.leave()
