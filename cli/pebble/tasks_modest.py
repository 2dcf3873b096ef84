"""Questions that pebble cannot answer: thousands of topics, one modest answer that names a bigger model.

Many contain words of the tasks that it can do (count, largest, sort, reverse, plus, letter), so that those words alone
do not decide.
"""

from random import Random

from pebble import words
from pebble.tasks_numbers import size
from pebble.turns import Turn
from pebble.wording import ask, order, pattern, rough, say

MODEST = "I am too small for that. `mull pull gpt-oss-20b` gets you a bigger model."
TOO_HARD = "That sum is too hard for me. `mull pull qwen3-8b` gets you a bigger model."

TOPIC = pattern("topic")
ASKED = pattern("asked")
ORDERED = pattern("ordered")
HARD = pattern("hard")


def _slots(rng: Random) -> dict[str, object]:
    def noun() -> str:
        return rng.choice(words.ENGLISH) if rng.random() < 0.75 else words.invented(rng)

    return {
        "T": say(TOPIC, rng),
        "c": rng.choice(words.COUNTRIES),
        "w": words.invented(rng).capitalize(),
        "v": words.invented(rng),
        "n": words.name(rng),
        "e": noun(),
        "f": noun(),
        "t": words.plural(words.thing(rng)),
        "y": rng.randint(1000, 2030),
    }


def modest(rng: Random) -> Turn:
    """A question or task about general knowledge."""
    slots = _slots(rng)
    roll = rng.random()
    if roll < 0.5:
        question = ask(say(say(ASKED, rng), rng, **slots), rng)
    elif roll < 0.82:
        question = order(say(say(ORDERED, rng), rng, **slots), rng)
    elif roll < 0.9:
        question = rough(
            say(
                pattern("modest 2"),
                rng,
                **slots,
                m=words.name(rng),
            )
            .replace("{e}", str(slots["e"]))
            .replace("{c}", str(slots["c"]))
            .replace("{f}", str(slots["f"]))
            .replace("{w}", str(slots["w"]))
            .replace("{n}", str(slots["n"]))
            .replace("{v}", str(slots["v"])),
            rng,
        )
    else:
        lines = [
            " ".join(
                rng.choice(words.ENGLISH) if rng.random() < 0.8 else words.invented(rng)
                for _ in range(rng.randint(3, 9))
            ).capitalize()
            + "."
            for _ in range(rng.randint(2, 5 if rng.random() < 0.9 else 20))
        ]
        prompt = order(
            say(
                pattern("modest 1"),
                rng,
            ),
            rng,
        )
        question = rng.choice(("\n", " ", "\n\n")).join(lines) + "\n\n" + prompt
    for key, value in slots.items():
        question = question.replace("{" + key + "}", str(value))
    return Turn("modest", question, "Not for me.", MODEST)


def too_hard(rng: Random) -> Turn:
    """Arithmetic beyond digit-by-digit steps: roots, percentages, decimals, long numbers."""
    long_one = str(rng.randint(10**5, 10 ** rng.randint(6, 10)))
    core = say(
        HARD,
        rng,
        b=size(rng) + 2,
        p=rng.randint(2, 40),
        q=rng.randint(2, 9),
        d=f"{size(rng, 3)}.{rng.randint(1, 99)}",
        x=size(rng, 3),
        L=long_one,
        M=rng.randint(10**5, 10**7),
        h=rng.randint(100, 9999),
        H=rng.randint(100, 999),
        a="[+]",
    )
    core = core.replace("[+]", say("the square root of|the root of|half the square of", rng))
    question = (
        ask("what is " + core, rng)
        if rng.random() < 0.6
        else order(say("[calculate|compute|find|solve|work out|] ", rng).strip() + " " + core, rng)
    )
    return Turn("too hard", question.strip(), "Too hard for me.", TOO_HARD)
