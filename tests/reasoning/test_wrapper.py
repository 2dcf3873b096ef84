"""Tags around an answer that no template spells: removed where they wrap it, kept where they are text."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from mull.reasoning.parts import AnswerPart, ThinkingPart
from mull.reasoning.profile import Profile
from mull.reasoning.profiler import profile
from mull.reasoning.splitter import Splitter
from tests.conftest import Run
from tests.model_files.scripted import write_scripted
from tests.reasoning import templates as t


def split(found: Profile, text: str, *messages: str) -> tuple[str, str]:
    """Thinking and answer, the same for pieces of any length."""
    results = set()
    for size in (1, 2, 3, 5, 8, 1000):
        splitter, data = Splitter(found, found.prompts.default, messages), text.encode()
        pieces = (data[at : at + size] for at in range(0, len(data), size))
        parts = [part for piece in pieces for part in splitter.feed(0, piece, False)]
        parts += splitter.finish(complete=True)
        results.add(
            tuple(
                "".join(part.text for part in parts if isinstance(part, kind))
                for kind in (ThinkingPart, AnswerPart)
            )
        )
    assert len(results) == 1, results
    thinking, answer = results.pop()
    return thinking, answer


@pytest.mark.parametrize("source", [t.PLAIN, t.CLOSED], ids=["no thinking", "switchable"])
@pytest.mark.parametrize(
    ("output", "thinking", "answer"),
    [
        ("<answer>Paris.</answer>", "", "Paris."),
        ("<think>\nhm\n</think>\n<answer>\nParis.\n</answer>\n", "hm", "Paris.\n\n"),
        ("<think>hm</think><final_answer>Paris.</final_answer>", "hm", "Paris."),
        ("<think>hm</think>\n\n<response>Paris.</response>", "hm", "Paris."),
        ("<answer>Paris.", "", "Paris."),  # cut
        ("<answer>\n    indented\n</answer>", "", "    indented\n"),
        ("<answer>Paris.</answer><|im_end|>", "", "Paris."),
        ("<answer>Paris.</answer>\nAnd more.", "", "Paris.\nAnd more."),
        ("<answer><|begin_of_box|>7<|end_of_box|></answer>", "", "7"),
        ("<think>hm</think>It is <|begin_of_box|>7<|end_of_box|>.", "hm", "It is 7."),
        ("<|begin_of_box|>7<|end_of_box|>", "", "7"),
        ("```\n<|begin_of_box|>\n```\n", "", "```\n<|begin_of_box|>\n```\n"),
        ("<|begin_of_response|>Paris.<|end_of_response|>", "", "Paris."),
        ("<answer>```xml\n</answer>\n```\n</answer>", "", "```xml\n</answer>\n```\n"),
        ("<answer>It ends with `</answer>`.</answer>", "", "It ends with `</answer>`."),
    ],
)
def test_a_wrapper_is_removed(source: str, output: str, thinking: str, answer: str) -> None:
    assert split(profile(source), output) == (thinking, answer)


@pytest.mark.parametrize(
    "output",
    [
        "Write <answer> in your XML like this: `<answer>`.",
        "```xml\n<answer>7</answer>\n```",
        "See:\n<answer>7</answer>",
        "<answer>",
        "<answer><value>7</value></answer>",
        "<response>ok</response>",  # more likely what was requested than a wrapper
        "7 </answer>",
    ],
)
def test_text_that_holds_such_tags_stays(output: str) -> None:
    assert split(profile(t.PLAIN), output) == ("", output)


def test_a_wrapper_that_was_requested_stays() -> None:
    output = "<answer>7</answer>"
    assert split(profile(t.PLAIN), output, "Put it between <answer> and </answer>.") == ("", output)
    box = "It is <|begin_of_box|>7<|end_of_box|>."
    assert split(profile(t.PLAIN), box, "What does <|begin_of_box|> with <|end_of_box|> do?") == ("", box)
    assert split(profile(t.PLAIN), output, "Put it between <result> and </result>.") == ("", "7")


def test_a_model_that_wraps_its_answer(mull: Run, tmp_path: Path) -> None:
    path = write_scripted(
        tmp_path / "wraps.gguf",
        ["<answer>Paris.</answer>"],
        control=["<|im_start|>", "<|im_end|>"],
        template=t.PLAIN,
    )
    done = mull("-m", path, "--json", "Where?")
    assert (done.returncode, json.loads(done.stdout)["answer"]) == (0, "Paris.")
    assert mull("-m", path, "Where? Use <answer> tags.").stdout == b"<answer>Paris.</answer>\n"
