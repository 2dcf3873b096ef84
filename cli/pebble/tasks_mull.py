"""Questions about `mull` and about pebble itself, answered from mull's documentation only.

facts.txt and talk.txt pair an answer with the ways to ask for it (patterns of wording.py); a `{m}` there is the
name of a model, copied into the answer.
"""

import re
from dataclasses import dataclass
from pathlib import Path
from random import Random

from pebble import words
from pebble.turns import Turn
from pebble.wording import ask, order, say

MODELS = """
gpt-oss-20b gpt-oss-120b qwen3-8b qwen3-4b qwen3-0.6b qwen3-14b qwen3-30b-a3b gemma-3-4b llama-3.1-8b phi-4
mistral-7b smollm3-3b deepseek-r1-8b qwen3-8b:Q4_K_M
""".split()  # noqa: SIM905
SIZES = "7b 3b 2 8b 13b 1.5b 70b mini small instruct 4-9b 0.5b large".split()  # noqa: SIM905

THINKING = (
    "[reasoning|thinking|the reasoning|the thinking|think mode|reasoning mode|thoughts|chain of thought]"
)
MODEL = (
    "[a model|models|another model|a bigger model|a real model|a better model|new models|a larger model|a big"
    " model|a stronger model|other models|some model]"
)
HOW = (
    "[how do I|how can I|how to|how does one|how would I|what is the command to|what's the command to|which"
    " command do I use to|what do I type to|is there a way to|can I|can mull|how do you|what should I run"
    " to|where do I|show me how to|explain how to|with what command do I|what do I have to do to|I want to|I"
    " need to|tell me how to]"
)
IN = (
    "[||| in mull| with mull| here| using mull| on this machine| in this tool| in this program| with this"
    " thing| on my laptop| in the terminal| on the command line]"
)

MACROS = {
    "$HOW;": HOW,
    "$IN;": IN,
    "$MODELS;": MODEL.replace("a model|", ""),
    "$MODEL;": MODEL,
    "$THINKING;": THINKING,
}


@dataclass(frozen=True)
class Fact:
    """An answer, patterns of ways to ask for it (most common first), and what may follow any of them."""

    answer: str
    ways: tuple[str, ...]
    ending: str

    def way(self, rng: Random) -> str:
        """Draw one of the patterns, the first ones more often."""
        return self.ways[int(len(self.ways) * rng.random() ** 1.15)] + self.ending


def _read(name: str) -> tuple[Fact, ...]:
    """Read the facts of a file, each repeated by its weight."""
    text = (Path(__file__).parent / name).read_text(encoding="utf-8")
    for macro, pattern in MACROS.items():
        text = text.replace(macro, pattern)
    facts: list[Fact] = []
    for mark, block in re.findall(r"^(=+) (.*?)(?=\n=|\Z)", text, re.DOTALL | re.MULTILINE):
        answer, *lines = block.rstrip("\n").split("\n")
        ending = lines.pop(0).removeprefix("+ ") if lines[0].startswith("+ ") else ""
        facts += [Fact(answer, tuple(lines), ending)] * len(mark)
    return tuple(facts)


FACTS = _read("facts.txt")
TALK = _read("talk.txt")


def _model(rng: Random) -> str:
    if rng.random() < 0.6:
        return rng.choice(MODELS)
    return words.invented(rng) + rng.choice(("", "-", "-", "-")) + rng.choice(SIZES)


def fact(rng: Random) -> Turn:
    """A question about mull or pebble."""
    chosen, model = rng.choice(FACTS), _model(rng)
    answer, core = chosen.answer, say(chosen.way(rng), rng, m=model, x=words.invented(rng))
    frame = ask if rng.random() < 0.85 or core.startswith(("how", "what", "which", "where", "who")) else order
    question = frame(core.removeprefix("!").strip().replace("  ", " "), rng)
    named = answer.replace("{m}", model) if model in question else answer.replace("{m}", "NAME")
    about = "me" if answer.startswith(("I ", "Small", "The `mull` project", "A few")) else "mull"
    return Turn("mull", question, f"About {about}.", named)


def talk(rng: Random) -> Turn:
    """Greetings, thanks, goodbyes, praise and blame."""
    chosen = rng.choice((*TALK, TALK[0], TALK[0]))
    text = say(chosen.way(rng), rng, x=words.invented(rng), n=words.name(rng))
    if rng.random() < 0.6:
        text = text[0].upper() + text[1:]
    return Turn("talk", text, "Small talk.", chosen.answer)
