"""The chat in a real terminal: keys go in, the screen is looked at, the store is opened afterwards."""

from __future__ import annotations

import base64
import contextlib
import json
import os
import re
import signal
import stat
import sys
import time
from collections.abc import Callable
from pathlib import Path

import pytest

if sys.platform == "win32":
    pytest.skip("POSIX pseudo-terminals", allow_module_level=True)

from mull.store.sessions import Store
from tests.chat.conftest import ChatTerminal
from tests.cli.conftest import CHATML
from tests.model_files.scripted import write_scripted
from tests.models.test_packaged import install
from tests.modes import both_modes
from tests.waiting import wait_for

Chat = Callable[..., "contextlib.AbstractContextManager[ChatTerminal]"]


def copied(terminal: ChatTerminal) -> str:
    """What the last OSC 52 sequence would have put on the clipboard."""
    data = terminal.bytes.rpartition(b"\x1b]52;c;")[2].partition(b"\x07")[0]
    return base64.b64decode(data).decode()


@both_modes
def test_questions_answers_and_figures(chat: Chat, thinker: Path, kept: Store) -> None:
    with chat(thinker) as terminal:
        terminal.say("What is it?")
        terminal.shows("Forty-two.")
        terminal.say("/stats")
        terminal.shows("all answers")
        terminal.say("/thinking")
        terminal.shows("Let me see.")
        terminal.say("/context")
        terminal.shows("1. What is it?")
        terminal.say("/thinking 2")
        terminal.shows("Fewer turns have thinking.")
        terminal.leave()
    (session,) = kept.sessions()
    (turn,) = kept.branch(session.id)
    assert (turn.question, turn.answer, turn.thinking) == ("What is it?", "Forty-two.", "Let me see.")
    assert (turn.finish, turn.model) == ("stop", "thinker")


def test_words_that_mean_a_command_need_no_slash(chat: Chat, thinker: Path, kept: Store) -> None:
    with chat(thinker) as terminal:
        terminal.say("?")
        terminal.shows("/think TEXT")
        terminal.say("exit")
        assert terminal.exit() == 0, terminal.text
    assert kept.count() == 0


@both_modes
def test_thinking_is_switched(chat: Chat, thinker: Path, kept: Store) -> None:
    with chat(thinker) as terminal:
        terminal.say("/reason off")
        terminal.shows("Thinking: off.")
        terminal.say("one?")
        terminal.shows("Just 42!")
        terminal.say("/think two?")
        terminal.shows("Forty-two.")
        terminal.say("/effort low")
        terminal.shows("Thinking: low.")
        terminal.say("/effort auto")
        terminal.shows("Thinking: auto.")
        terminal.say("/nothink three?")
        terminal.count("Just 42!", 2)
        terminal.say("/effort huge")
        terminal.shows("/effort takes low, medium, high")
        terminal.say("/set temperature 0.1")
        terminal.shows("temperature  0.1")
        terminal.say("/set temprature 0.1")
        terminal.shows("Did you mean temperature?")
        terminal.say("/thinking hide")
        terminal.shows("Thinking is shown: hide.")
        terminal.leave()
    turns = kept.branch(kept.sessions()[0].id)
    assert [turn.settings["reason"] for turn in turns] == ["off", "on", "off"]
    assert [bool(turn.thinking) for turn in turns] == [False, True, False]


@both_modes
def test_branches(chat: Chat, thinker: Path, kept: Store, tmp_path: Path) -> None:
    editor = tmp_path / "editor"
    editor.write_text('#!/bin/sh\nsed -i.bak "s/first/FIRST/" "$1"\n')
    editor.chmod(editor.stat().st_mode | stat.S_IXUSR)
    with chat(thinker, env={"EDITOR": str(editor)}) as terminal:
        terminal.say("the first question")
        terminal.shows("Forty-two.")
        terminal.say("/edit")
        terminal.shows("> the FIRST question")
        terminal.count("Forty-two.", 2)
        terminal.say("/retry")
        terminal.count("Forty-two.", 3)
        terminal.say("/undo")
        terminal.shows("Taken back: the FIRST question")
        terminal.say("/undo")
        terminal.shows("Nothing has been said yet.")
        terminal.leave()
    (session,) = kept.sessions()
    assert [turn.question for turn in kept.turns(session.id)] == [
        "the first question",
        "the FIRST question",
        "the FIRST question",
    ]
    assert kept.branch(session.id) == []


def test_an_answer_continues_where_it_was_cut(chat: Chat, thinker: Path, kept: Store) -> None:
    with chat(thinker) as terminal:
        terminal.say("/continue")
        terminal.shows("Nothing has been asked yet.")
        terminal.say("/set max_tokens 5")
        terminal.say("what is it?")
        terminal.shows("/continue continues it")
        terminal.say("/set max_tokens none")
        terminal.say("/continue")
        terminal.shows("Forty-two.")
        terminal.say("/continue")
        terminal.shows("The answer was complete: the model added nothing.")
        painted = "\n".join(terminal.everything)
        terminal.leave()
    (session,) = kept.sessions()
    cut, whole, *_ = kept.turns(session.id)
    assert (cut.answer, whole.answer) == ("Forty", "Forty-two.")
    assert cut.thinking == whole.thinking == "Let me see."
    assert [turn.answer for turn in kept.branch(session.id)] == ["Forty-two."]
    assert [painted.count(text) for text in ("Thought for", "Forty-two.")] == [1, 1]  # nothing is shown again


def test_another_model_does_not_continue(chat: Chat, thinker: Path, kept: Store, tmp_path: Path) -> None:
    """As `mull -c --continue`; going back to the model that began the answer does."""
    other = write_scripted(tmp_path / "other.gguf", ["never"], template=CHATML, name="other")
    with chat(thinker) as terminal:
        terminal.say("/set max_tokens 5")
        terminal.say("what is it?")
        terminal.shows("/continue continues it")
        terminal.say("/set max_tokens none")
        terminal.say(f"/model {other}")
        terminal.shows("Switched to other.")
        terminal.say("/continue")
        terminal.shows("The answer was begun by thinker; other cannot continue it.")
        terminal.say(f"/model {thinker}")
        terminal.shows("Switched to thinker.")
        terminal.say("/continue")
        terminal.shows("Forty-two.")
        terminal.leave()
    assert [turn.answer for turn in kept.turns(kept.sessions()[0].id)] == ["Forty", "Forty-two."]


def test_a_long_answer_is_not_painted_again(chat: Chat, tmp_path: Path) -> None:
    """Of 40 paragraphs that were cut, the last one comes again, and what follows."""
    paragraphs = [f"Paragraph {number} of the answer.\n\n" for number in range(1, 51)]
    model = write_scripted(tmp_path / "long.gguf", paragraphs, template=CHATML, n_ctx=4096, name="long")
    with chat(model) as terminal:
        terminal.say("/set max_tokens 40")
        terminal.say("tell me")
        terminal.shows("/continue continues it")
        terminal.say("/set max_tokens none")
        terminal.say("/continue")
        terminal.shows("Paragraph 50 of the answer.")
        painted = "\n".join(terminal.everything)
        terminal.leave()
    assert [painted.count(f"Paragraph {number} of") for number in (1, 20, 39, 41, 50)] == [1, 1, 1, 1, 1]
    assert painted.index("/continue") < painted.index("…\n") < painted.index("Paragraph 41 of")


def test_a_terminal_without_a_cursor_shows_only_what_is_new(chat: Chat, tmp_path: Path) -> None:
    words = ["Once", " upon", " a", " time", " there", " was", " a fox."]
    model = write_scripted(tmp_path / "tale.gguf", words, template=CHATML, name="tale")
    with chat(model, env={"TERM": "dumb"}) as terminal:
        for line, answer in (
            ("/set max_tokens 4", "max_tokens  4"),
            ("a tale", "/continue continues it"),
            ("/set max_tokens none", "max_tokens  none"),
            ("/continue", "… there was a fox."),
            ("/continue", "the model added nothing."),
        ):
            terminal.wait(lambda: terminal.text.rstrip().endswith("\n>"), "the prompt")
            terminal.press(f"{line}\r")
            terminal.shows(answer)
        assert "\n".join(terminal.everything).count("Once") == 1


def test_an_edited_answer_is_continued(chat: Chat, thinker: Path, kept: Store, tmp_path: Path) -> None:
    editor = tmp_path / "editor"
    editor.write_text('#!/bin/sh\ncase "$1" in *answer.md) printf "Well:\\n\\n\\n" > "$1";; esac\n')
    editor.chmod(editor.stat().st_mode | stat.S_IXUSR)
    with chat(thinker, "--no-reason", env={"EDITOR": str(editor)}) as terminal:
        terminal.say("/edit answer")
        terminal.shows("There is no answer to edit.")
        terminal.say("what is it?")
        terminal.shows("Just 42!")
        terminal.say("/edit other")
        terminal.shows("/edit takes")
        terminal.say("/edit answer")
        terminal.shows("Well:")
        terminal.count("Just 42!", 2)
        terminal.leave()
    (session,) = kept.sessions()
    assert [turn.answer for turn in kept.turns(session.id)] == ["Just 42!", "Well:\n\nJust 42!"]


def test_without_an_editor_edit_uses_the_prompt(chat: Chat, thinker: Path, kept: Store) -> None:
    with chat(thinker, env={"EDITOR": "", "VISUAL": ""}) as terminal:
        terminal.say("one")
        terminal.shows("Forty-two.")
        terminal.say("/edit")
        terminal.count("> one", 2)
        terminal.say(" more")
        terminal.count("Forty-two.", 2)
        terminal.leave()
    assert [turn.question for turn in kept.branch(kept.sessions()[0].id)] == ["one more"]


def test_copying_and_exporting(chat: Chat, coder: Path, tmp_path: Path) -> None:
    with chat(coder) as terminal:
        terminal.say("/copy")
        terminal.shows("There is no answer to copy.")
        terminal.say("code, please")
        terminal.shows("print(6 * 7)")
        terminal.say("/copy code")
        terminal.shows("Copied 1 line")
        assert copied(terminal).strip() == "print(6 * 7)"
        terminal.say("/copy")
        terminal.shows("Copied 5 lines")
        assert copied(terminal).startswith("Look here:")
        terminal.say(f"/export html {tmp_path / 'talk.html'}")
        terminal.shows("Written:")
        terminal.say("/export docx")
        terminal.shows('/export takes md, html, json; not "docx"')
        terminal.say(f"/export {tmp_path / 'talk.json'}")
        terminal.count("Written:", 2)
        terminal.leave()
    assert json.loads((tmp_path / "talk.json").read_text())["format"] == "mull session"
    page = re.sub("<[^>]+>", "", (tmp_path / "talk.html").read_text())  # the code is coloured
    assert "print(6 * 7)" in page


@pytest.mark.parametrize(
    ("answer", "code"),
    [
        ("1. Run:\n\n   ```sh\n   ls -l\n   ```\n\n2. Done.\n", "ls -l\n"),
        ("So:\n```py\nx = 1\n", "x = 1\n"),
        ("So:\n~~~\n```\nx\n~~~\n", "```\nx\n"),
    ],
    ids=["in a list", "unclosed", "tildes"],
)
def test_copy_code_finds_every_fence(chat: Chat, tmp_path: Path, answer: str, code: str) -> None:
    model = write_scripted(tmp_path / "m.gguf", [answer], template=CHATML)
    with chat(model, "--no-save") as terminal:
        terminal.say("code, please")
        terminal.say("/copy code")
        terminal.shows("Copied ")
        assert copied(terminal) == code
        terminal.leave()


def test_sessions_are_named_left_found_and_reopened(chat: Chat, thinker: Path, kept: Store) -> None:
    with chat(thinker) as terminal:
        terminal.say("about elephants")
        terminal.shows("Forty-two.")
        terminal.say("/save zoo")
        terminal.shows('"zoo"')
        terminal.say("/new")
        terminal.shows("A new conversation.")
        terminal.say("about sheep")
        terminal.count("Forty-two.", 2)
        terminal.say("/sessions")
        terminal.shows("about sheep")
        terminal.say("/sessions eleph")
        terminal.shows("zoo · question")
        terminal.say("/open zo")
        terminal.shows('Resumed "zoo" (1 turn,')
        terminal.say("again")
        terminal.count("Forty-two.", 4)
        terminal.say("/open nowhere")
        terminal.shows('There is no session "nowhere".')
        terminal.leave()
    assert [turn.question for turn in kept.branch(kept.find("zoo").id)] == ["about elephants", "again"]
    with chat(None, "--session", "zoo") as terminal:
        terminal.shows("turns, thinker)")
        terminal.say("third")
        terminal.count("Forty-two.", 2)
        terminal.leave()
    with chat(None, "-c") as terminal:
        terminal.shows('Resumed "zoo" (3 turns,')
        terminal.wait(
            lambda: re.search(r"> third\n\n▸ Thought for \d+\.\d s · \d tokens\n", terminal.text) is not None
        )
        terminal.leave()
    with chat(thinker, "--session", "brand new") as terminal:
        terminal.say("hello")
        terminal.shows("Forty-two.")
        terminal.leave()
    assert kept.find("brand new").turns == 1


def test_files_are_added_counted_and_refused(chat: Chat, thinker: Path, kept: Store, tmp_path: Path) -> None:
    (tmp_path / "notes.txt").write_text("alpha beta\n")
    (tmp_path / "long.txt").write_text("word " * 1000)
    (tmp_path / "image.png").write_bytes(b"\x89PNG\r\n\x1a\n\0\0\0\xff")
    (tmp_path / "empty.txt").touch()
    with chat(thinker, "--ctx", "1024") as terminal:
        for name, reply in (
            ("notes.txt", "tokens) to the next question."),
            ("long.txt", "tokens; the context has"),
            ("image.png", "image.png is not a text file."),
            ("empty.txt", "empty.txt is empty."),
            ("nothing.txt", "No such file: "),
        ):
            terminal.say(f"/file {tmp_path / name}")
            terminal.shows(reply)
        terminal.say("what is in it?")
        terminal.shows("Forty-two.")
        terminal.leave()
    (turn,) = kept.branch(kept.sessions()[0].id)
    assert [(file.name, file.text) for file in turn.files] == [("notes.txt", "alpha beta\n")]
    assert kept.sessions()[0].title == "what is in it?"


@both_modes
def test_models_are_switched_in_mid_conversation(chat: Chat, thinker: Path, coder: Path, kept: Store) -> None:
    with chat(thinker) as terminal:
        terminal.say("one")
        terminal.shows("Forty-two.")
        terminal.say("/model no-such-model")
        terminal.shows("There is no model called")
        terminal.say(f"/model {coder}")
        terminal.shows("Switched to coder.")
        terminal.say("two")
        terminal.shows("print(6 * 7)")
        terminal.say("/model")
        terminal.wait("Model ·")
        terminal.press("\x1b")
        terminal.shows("coder ·")
        terminal.leave()
    turns = kept.branch(kept.sessions()[0].id)
    assert [(turn.question, turn.model) for turn in turns] == [("one", "thinker"), ("two", "coder")]


@both_modes
def test_a_model_that_cannot_be_loaded_leaves_the_old_one(chat: Chat, thinker: Path, tmp_path: Path) -> None:
    broken = tmp_path / "broken.gguf"
    broken.write_bytes(thinker.read_bytes()[:3000])
    with chat(thinker) as terminal:
        terminal.say("one")
        terminal.shows("Forty-two.")
        terminal.say(f"/model {broken}")
        terminal.shows("Still using thinker.")
        terminal.say("two")
        terminal.count("Forty-two.", 2)
        terminal.leave()


def test_a_first_model_that_cannot_be_loaded_says_so_and_keeps_the_question(
    chat: Chat, thinker: Path, tmp_path: Path
) -> None:
    broken = tmp_path / "broken.gguf"
    broken.write_bytes(thinker.read_bytes()[:3000])
    with chat(broken) as terminal:
        terminal.say("one")
        terminal.shows("Error:")
        terminal.count("> one", 2)  # it is back at the prompt
        terminal.say(f"\x15/model {thinker}")
        terminal.shows("Switched to thinker.")
        terminal.say("one")
        terminal.shows("Forty-two.")
        terminal.leave()


def test_a_terminal_that_does_not_say_where_its_cursor_is_gets_no_warning(chat: Chat, thinker: Path) -> None:
    with chat(thinker) as terminal:
        terminal.screen.write_process_input = lambda _: None
        terminal.wait(lambda: terminal.ready, "the prompt")
        time.sleep(2.5)  # prompt_toolkit waits for 2 s
        terminal.say("what is it?")
        terminal.shows("Forty-two.")
        assert "WARNING" not in "".join(terminal.everything)


def test_unknown_commands_name_the_nearest(chat: Chat, thinker: Path) -> None:
    with chat(thinker) as terminal:
        terminal.say("/retyr")
        terminal.shows("Did you mean /retry?")
        terminal.say("/retry")
        terminal.shows("Nothing has been asked yet.")
        terminal.say("/help retyr")
        terminal.count("Did you mean /retry?", 2)
        terminal.say("/undo 2")
        terminal.shows("/undo takes no argument.")
        terminal.say("/think")
        terminal.shows("/think needs more: /think TEXT")
        terminal.say("/thinking")
        terminal.shows("There is no thinking to show yet.")
        terminal.say("/bye")
        assert terminal.exit() == 0


def test_help_fits_one_screen(chat: Chat, thinker: Path) -> None:
    with chat(thinker) as terminal:
        terminal.say("/help")
        terminal.shows("Ctrl+X Ctrl+E")
        terminal.wait("/help [COMMAND]")  # its first line is still on the screen
        terminal.say("/help retry")
        terminal.shows("the earlier answer stays")
        terminal.leave()


@pytest.mark.parametrize("key", ["\x1b", "\x03"], ids=["escape", "ctrl-c"])
@both_modes
def test_stopping_in_the_answer_keeps_it_for_the_next_turn(
    chat: Chat, endless: Path, kept: Store, key: str
) -> None:
    with chat(endless, "--no-reason") as terminal:
        terminal.say("go on and on")
        terminal.shows("w20")
        terminal.press(key)
        terminal.shows("Stopped")
        terminal.say("/context")
        terminal.shows("1. go on and on")
        terminal.leave()
    (turn,) = kept.branch(kept.sessions()[0].id)
    assert (turn.finish, turn.partial) == ("interrupted", True)
    assert "Well w0 w1" in turn.answer
    assert kept.messages(kept.sessions()[0].id)[-1].partial


@both_modes
def test_stopping_in_the_thinking_keeps_it(chat: Chat, endless: Path, kept: Store) -> None:
    with chat(endless) as terminal:
        terminal.say("think")
        terminal.shows("m20")
        terminal.press("\x1b")
        terminal.shows("Stopped")
        terminal.leave()
    (turn,) = kept.branch(kept.sessions()[0].id)
    assert (turn.finish, turn.answer) == ("interrupted", "")
    assert "m0 m1 m2" in turn.thinking


@both_modes
def test_answer_now(chat: Chat, endless: Path, kept: Store) -> None:
    with chat(endless) as terminal:
        terminal.say("think")
        terminal.shows("m20")
        terminal.press("\t")
        terminal.shows("Well w0")
        terminal.press("\x1b")
        terminal.shows("Stopped")
        terminal.leave()
    (turn,) = kept.branch(kept.sessions()[0].id)
    assert "m0 m1" in turn.thinking
    assert turn.answer.startswith("Well w0")


@both_modes
def test_two_interrupts_leave_with_130(chat: Chat, endless: Path, kept: Store) -> None:
    with chat(endless, "--no-reason") as terminal:
        terminal.say("go on and on")
        terminal.shows("w20")
        terminal.press("\x03\x03")
        assert terminal.exit() == -signal.SIGINT
        assert terminal.mode == terminal.mode_before
    (turn,) = kept.branch(kept.sessions()[0].id)
    assert "Well w0 w1" in turn.answer


@pytest.mark.parametrize("number", [signal.SIGTERM, signal.SIGHUP])
def test_a_signal_at_any_time_leaves_the_terminal_as_it_was(
    chat: Chat, thinker: Path, number: signal.Signals
) -> None:
    with chat(thinker) as terminal:
        terminal.wait(lambda: terminal.mode != terminal.mode_before, "the chat to take the terminal")
        os.kill(terminal.process.pid, number)
        assert terminal.exit() == -number
        assert terminal.mode == terminal.mode_before
    with chat(thinker) as terminal:
        terminal.wait(lambda: terminal.ready)
        os.kill(terminal.process.pid, number)
        assert terminal.exit() == -number
        assert terminal.mode == terminal.mode_before


def test_a_kill_in_mid_answer_loses_at_most_the_last_second(chat: Chat, endless: Path, kept: Store) -> None:
    with chat(endless, "--no-reason") as terminal:
        terminal.say("go on and on")
        terminal.shows("w20")
        seen = terminal.text
        # What is on the screen is on the disk a second later; more on a busy machine.
        wait_for(lambda: "w20" in kept.branch(kept.sessions()[0].id)[-1].answer, "the text on the disk")
        os.kill(terminal.process.pid, signal.SIGKILL)
        terminal.process.wait()
    (turn,) = kept.branch(kept.sessions()[0].id)
    assert turn.finish is None
    assert turn.partial
    assert "Well w0 w1" in turn.answer
    assert "w20" in seen
    assert "w20" in turn.answer
    with chat(None, "-c", "--no-reason") as terminal:
        terminal.shows('Resumed "go on and on"')
        terminal.shows("w399")
        terminal.say("/context")
        terminal.shows("1. go on and on")
        terminal.leave()


@both_modes
def test_what_is_typed_while_it_answers_comes_next(chat: Chat, endless: Path, kept: Store) -> None:
    with chat(endless, "--no-reason") as terminal:
        terminal.say("go on and on")
        terminal.shows("w20")
        terminal.press("/stats\r/reason on\r/sys")
        terminal.press("\x1b")
        terminal.shows("2 queued inputs")
        terminal.wait("> /stats")
        terminal.press("\r")
        terminal.shows("all answers")
        terminal.shows("1 queued input:")
        terminal.wait("> /reason on")
        terminal.press("\r")
        terminal.shows("Thinking: on.")
        terminal.say("tem Be brief.")
        terminal.shows("System prompt: Be brief.")
        terminal.leave()
    assert kept.sessions()[0].system == "Be brief."


def test_what_is_typed_before_the_chat_has_begun_comes_first(chat: Chat, thinker: Path, kept: Store) -> None:
    with chat(thinker) as terminal:
        terminal.press("one\rtw")
        terminal.shows("Forty-two.")
        terminal.say("o")
        terminal.count("Forty-two.", 2)
        terminal.leave()
    assert [turn.question for turn in kept.branch(kept.sessions()[0].id)] == ["one", "two"]


def test_pebble_greets_and_answers_on_a_fresh_machine(home: dict[str, str], kept: Store) -> None:
    with ChatTerminal([sys.executable, "-m", "mull"], environ=home) as terminal:
        terminal.shows("pebble")
        terminal.say("What is 2 + 3?")
        terminal.wait(lambda: terminal.ready and bool(kept.sessions()) and kept.sessions()[0].turns == 1)
        terminal.leave()
    (turn,) = kept.branch(kept.sessions()[0].id)
    assert (turn.model, turn.finish) == ("pebble", "stop")
    assert turn.answer


def test_nothing_is_kept_of_a_private_chat_unless_saved(
    chat: Chat, thinker: Path, home: dict[str, str]
) -> None:
    database = Path(home["MULL_STATE_DIR"]) / "sessions.db"
    with chat(thinker, "--no-save") as terminal:
        terminal.say("a secret")
        terminal.shows("Forty-two.")
        terminal.say("/open x")
        terminal.shows("A private chat cannot open sessions.")
        terminal.leave()
    assert not database.exists()
    with chat(thinker, "--no-save") as terminal:
        terminal.say("no secret")
        terminal.shows("Forty-two.")
        terminal.say("/save after all")
        terminal.shows('"after all"')
        terminal.say("more")
        terminal.count("Forty-two.", 2)
        terminal.leave()
    from mull.store.sessions import open_store

    with open_store(database) as store:
        assert [turn.question for turn in store.branch(store.find("after all").id)] == ["no secret", "more"]


def test_a_store_that_cannot_be_opened_costs_one_notice(
    chat: Chat, thinker: Path, home: dict[str, str]
) -> None:
    (Path(home["MULL_STATE_DIR"]) / "sessions.db").mkdir()
    with chat(thinker) as terminal:
        terminal.shows("This conversation is not saved.")
        terminal.say("hello")
        terminal.shows("Forty-two.")
        assert terminal.squeezed.count("Thisconversationisnotsaved") == 1
        terminal.leave()


@pytest.mark.parametrize(
    ("policy", "reply"),
    [
        ("stop", "The prompt has"),
        ("drop", 'no longer sees the oldest turns: "one"'),
        ("summarize", "This summary now replaces"),
        ("ask", "Leave out the oldest turns (d)"),
    ],
)
@both_modes
def test_a_full_context_is_never_silent(
    chat: Chat, wordy: Path, kept: Store, policy: str, reply: str
) -> None:
    """The answers are some 700 bytes, and so some 700 tokens once they are part of a prompt."""
    with chat(wordy, "--ctx", "1700") as terminal:
        for number, question in enumerate(("one", "two"), start=1):
            terminal.say(question)
            terminal.count("end.", number)
        terminal.shows("The context is 8")
        terminal.say(f"/set context_full {policy}")
        terminal.count("context_full", 2)
        terminal.say("three " + "x" * 300)
        terminal.shows(reply)
        if policy == "ask":
            terminal.press("\r")
            terminal.shows("/new starts a new")
            terminal.count("three xxx", 2)  # the question came back to the prompt
            terminal.say("")
            terminal.count("Leave out the oldest turns (d)", 2)
            terminal.press("d\r")
            terminal.shows("no longer sees")
        if policy == "stop":
            terminal.count("three xxx", 2)  # the question came back to the prompt
            terminal.press("\x03/quit\r")
            assert terminal.exit() == 0
        else:
            terminal.count("end.", 3 if policy != "summarize" else 4)
            terminal.leave()
    turns = kept.branch(kept.sessions()[0].id)
    assert [turn.question[:5].strip() for turn in turns] == (
        ["one", "two"] if policy == "stop" else ["one", "two", "three"]
    )


def test_a_model_that_is_not_here_is_offered_at_the_start_and_by_command(chat: Chat, thinker: Path) -> None:
    question = "qwen3-0.6b is not installed. Download it (639 MB)? [y/N]"
    with chat(Path("qwen3-0.6b"), env={"HF_HUB_OFFLINE": ""}) as terminal:
        terminal.shows(question)
        terminal.press("n\r")
        assert terminal.exit() == 1
        assert f"{question} n" in terminal.text  # what is typed is seen
        assert "mull pull qwen3-0.6b" in terminal.text
        assert terminal.mode == terminal.mode_before
    with chat(thinker, env={"HF_HUB_OFFLINE": ""}) as terminal:
        terminal.say("/model qwen3-0.6b")
        terminal.shows(question)
        terminal.press("n\r")
        terminal.shows("mull pull qwen3-0.6b")
        terminal.leave()
    with chat(thinker, env={"HF_HUB_OFFLINE": "1"}) as terminal:
        terminal.say("/model qwen3-0.6b")
        terminal.shows("HF_HUB_OFFLINE is set; unset it, then: mull pull qwen3-0.6b")
        terminal.leave()
        assert "[y/N]" not in terminal.text


def test_an_empty_answer_is_called_one(chat: Chat, tmp_path: Path) -> None:
    silent = write_scripted(tmp_path / "silent.gguf", [], template=CHATML, name="silent")
    with chat(silent) as terminal:
        terminal.say("well?")
        terminal.shows("The answer is empty.")
        terminal.leave()


def test_forty_columns(chat: Chat, thinker: Path) -> None:
    with chat(thinker, columns=40) as terminal:
        terminal.say("What is it?")
        terminal.shows("Forty-two.")
        terminal.wait(
            lambda: re.fullmatch(r"  thinker · thinking auto · \d+/4,096 \d%", terminal.lines[-1]) is not None
        )
        terminal.say("/context")
        terminal.shows("1. What")
        terminal.say("/help")
        terminal.shows("/quit")
        terminal.leave()
        assert max(map(len, terminal.everything)) <= 40


def test_a_chat_needs_a_terminal(mull: Callable[..., object], thinker: Path) -> None:
    done = mull("chat", "-m", thinker)
    assert done.returncode == 2  # type: ignore[attr-defined]
    assert b"needs a terminal" in done.stderr  # type: ignore[attr-defined]


def test_a_loop_is_cut_and_noted(chat: Chat, tmp_path: Path) -> None:
    script = [" The", " cat", " sat", " on", " the", " mat", "."]
    looping = write_scripted(tmp_path / "looping.gguf", script, end=False, template=CHATML)
    with chat(looping, columns=100) as terminal:
        terminal.say("Tell me more.")
        terminal.shows(
            "The answer was cut: the model repeated itself. /retry asks again; /set loop_guard false"
        )
        terminal.say("/set loop_guard false")
        terminal.shows("loop_guard")
        terminal.say("/set max_tokens 300")
        terminal.say("And again.")
        terminal.shows("The answer was cut at the token limit.")
        terminal.leave()


def test_the_start_offers_a_model_that_came_with_a_package(
    chat: Chat, home: dict[str, str], tmp_path: Path
) -> None:
    home["MULL_PACKAGES"] = "1"
    home["PYTHONPATH"] += os.pathsep + str(install(tmp_path))
    with chat(None, columns=100) as terminal:
        terminal.shows("Or try the installed smollm2-135m: /model smollm2-135m")
        terminal.leave()
