"""Evaluate the shipped pebble through mull's own turn: `python -m pebble.evaluate [--write docs/pebble.md]`.

Three sets, none of them in the training data: new questions from the training's patterns (letter tasks with held-out
words), `questions.txt` (written by hand, worded differently) and `reserve.txt` (a second such set, not looked at during
development). Greedy decoding; each question with and without thinking.
"""

import argparse
import re
import sys
import time
from collections import defaultdict
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from random import Random

from mull.backends.loading import load
from mull.control import TurnControl
from mull.events import Done
from mull.messages import Message
from mull.settings import EngineSettings, ReasoningAsk, Sampling, TurnSettings
from mull.turn.loaded_model import LoadedModel
from mull.turn.turn import run
from pebble import chats, words

HERE = Path(__file__).parent
MODEL = HERE.parent / "mull" / "data" / "pebble.gguf"
MARKS = ("<!-- figures -->", "<!-- end of figures -->")


@dataclass(frozen=True)
class Question:
    """Messages, the last from the user, and the text that the answer must contain; `exact`: must equal."""

    task: str
    messages: tuple[Message, ...]
    expected: str
    exact: bool


def loaded(path: Path = MODEL) -> LoadedModel:
    """Load the model."""
    return load("pebble", path, EngineSettings(), trusted=True)


def answer(model: LoadedModel, messages: tuple[Message, ...], thinking: bool) -> Done:
    """Run one greedy turn."""
    settings = TurnSettings(
        reasoning=ReasoningAsk(on=thinking), sampling=Sampling(temperature=0.0), max_tokens=600
    )
    for event in run(model, messages, settings, TurnControl()):
        if isinstance(event, Done):
            return event
    raise AssertionError("a turn ends with Done")


def by_hand(path: Path) -> Iterator[Question]:
    """Read the questions of a file; a line is `task | question | expected`."""
    for line in path.read_text(encoding="utf-8").splitlines():
        if line and not line.startswith("#"):
            task, question, expected = (part.strip() for part in line.split(" | "))
            yield Question(task, (Message("user", question.replace("\\n", "\n")),), expected, exact=False)


def fresh(count: int, seed: int) -> Iterator[Question]:
    """Draw new questions from the training's patterns, with held-out words."""
    words.ENGLISH[:] = words.HELD_OUT
    rng = Random(f"evaluation {seed}")
    for task, (_, draw) in chats.TASKS.items():
        for _ in range(count):
            turn = draw(rng)
            yield Question(task, (Message("user", turn.question),), turn.answer, exact=True)
    for _ in range(count):
        *before, last = chats.follow_up(rng)
        history = [
            m for turn in before for m in (Message("user", turn.question), Message("assistant", turn.answer))
        ]
        yield Question("follow-up", (*history, Message("user", last.question)), last.answer, exact=True)


def right(question: Question, text: str) -> bool:
    """Whether an answer counts as correct."""
    if question.exact:
        return text.strip() == question.expected
    if re.fullmatch(r"-?\d+", question.expected):
        return re.findall(r"-?\d+", text.replace(",", ""))[-1:] == [question.expected]
    if question.task == "sorting":
        return (
            re.findall(r"\w+", text.lower())[-len(question.expected.split()) :]
            == question.expected.lower().split()
        )
    return all(part.lower() in text.lower() for part in question.expected.split(" & "))


def measure(model: LoadedModel, questions: list[Question], show: bool) -> dict[str, list[tuple[bool, bool]]]:
    """Per task, whether each question was answered correctly with and without thinking."""
    results: dict[str, list[tuple[bool, bool]]] = defaultdict(list)
    for question in questions:
        texts = [answer(model, question.messages, thinking) for thinking in (True, False)]
        good = [right(question, done.answer) for done in texts]
        results[question.task].append((good[0], good[1]))
        if show and not good[0]:
            asked = question.messages[-1].content
            sys.stderr.write(
                f"{question.task}: {asked!r} -> {texts[0].answer!r} ({texts[0].thinking!r}), not"
                f" {question.expected!r}\n"
            )
    return results


def table(title: str, results: dict[str, list[tuple[bool, bool]]]) -> str:
    """A Markdown table of the shares of correct answers."""
    lines = [f"| {title} | questions | with thinking | without |", "| --- | --- | --- | --- |"]
    rows = [*results.items(), ("all", [pair for pairs in results.values() for pair in pairs])]
    for task, pairs in rows:
        shares = [sum(pair[mode] for pair in pairs) / len(pairs) for mode in (0, 1)]
        lines.append(f"| {task} | {len(pairs)} | {shares[0]:.2f} | {shares[1]:.2f} |")
    return "\n".join(lines)


def speed(model: LoadedModel) -> float:
    """Thinking tokens per second of CPU time (not wall time, so a busy machine changes it little); best of five."""
    best = 0.0
    for _ in range(5):
        began = time.process_time()
        usage = answer(model, (Message("user", "What is 987 times 68?"),), thinking=True).usage
        best = max(best, (usage.thinking + usage.answer) / (time.process_time() - began))
    return best


def main() -> None:
    """Parse the flags, run the evaluation, print the tables or write them into a page."""
    parser = argparse.ArgumentParser(description=(__doc__ or "").split("\n")[0])
    parser.add_argument("--model", type=Path, default=MODEL)
    parser.add_argument("--count", type=int, default=50, help="new questions per task")
    parser.add_argument("--seed", type=int, default=1)
    parser.add_argument("--reserve", action="store_true", help="also run reserve.txt")
    parser.add_argument("--show", action="store_true", help="print wrong answers on stderr")
    parser.add_argument("--write", type=Path, help="a Markdown page whose figures to replace")
    args = parser.parse_args()
    model = loaded(args.model)
    size, pace = args.model.stat().st_size / 1e6, speed(model)
    parts = [f"{size:.1f} MB, {pace:,.0f} tokens per second of processor time (the best of five)."]
    parts.append(
        table("by hand, other words", measure(model, list(by_hand(HERE / "questions.txt")), args.show))
    )
    if args.reserve:
        parts.append(table("the reserve", measure(model, list(by_hand(HERE / "reserve.txt")), args.show)))
    if args.count:
        parts.append(
            table(
                "fresh, the training's patterns",
                measure(model, list(fresh(args.count, args.seed)), args.show),
            )
        )
    text = "\n\n".join(parts)
    if args.write:
        page = args.write.read_text(encoding="utf-8")
        before, after = page.split(MARKS[0])[0], page.split(MARKS[1])[1]
        args.write.write_text(f"{before}{MARKS[0]}\n\n{text}\n\n{MARKS[1]}{after}", encoding="utf-8")
    sys.stdout.write(text + "\n")


if __name__ == "__main__":
    main()
