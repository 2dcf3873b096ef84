"""A small grammar that generates many wordings of the same question.

`say("[what is|what's] {a} plus {b}[?|]", rng, a="3", b="4")`: one alternative of every (nested) bracket is taken at
random, then the slots are filled. `ask`, `order` and `amount` put a core into hundreds of frames (politeness,
small talk, punctuation), and `rough` adds typing habits: missing capitals, odd quotes, missing punctuation.
"""

import re
from collections.abc import Sequence
from functools import cache
from pathlib import Path
from random import Random

from pebble import words

Node = str | tuple["Branch", ...]
Branch = tuple[Node, ...]


@cache
def _parse(pattern: str) -> Node:
    branches, rest = _alternatives(pattern, 0)
    if rest != len(pattern):
        raise ValueError(f"unbalanced pattern: {pattern}")
    return branches


def _alternatives(text: str, at: int) -> tuple[tuple[Branch, ...], int]:
    branches: list[Branch] = []
    nodes: list[Node] = []
    start = at
    while at < len(text):
        mark = text[at]
        if mark == "[" or mark in "|]":
            if at > start:
                nodes.append(text[start:at])
            if mark == "[":
                inner, at = _alternatives(text, at + 1)
                nodes.append(inner)
            elif mark == "|":
                branches.append(tuple(nodes))
                nodes = []
            else:
                break
            start = at + 1
        at += 1
    else:
        if at > start:
            nodes.append(text[start:at])
    branches.append(tuple(nodes))
    return tuple(branches), at


def _pick(node: Node, rng: Random) -> str:
    if isinstance(node, str):
        return node
    return "".join([_pick(part, rng) for part in node[int(rng.random() * len(node))]])


def say(pattern: str, rng: Random, **slots: object) -> str:
    """One random expansion of the pattern with its slots filled."""
    text = _pick(_parse(pattern), rng)
    for key, value in slots.items():
        text = text.replace("{" + key + "}", str(value))
    return text


@cache
def _patterns() -> dict[str, tuple[str, ...]]:
    text = (Path(__file__).parent / "patterns.txt").read_text(encoding="utf-8")
    found: dict[str, list[str]] = {}
    for line in text.splitlines():
        if line.startswith("@ "):
            lines = found.setdefault(line.removeprefix("@ "), [])
        elif line and not line.startswith("#"):
            lines.append("" if line == "__" else re.sub(r"^_|_$", " ", line).replace("\\n", "\n"))
    return {name: tuple(lines) for name, lines in found.items()}


def alternatives(name: str) -> tuple[str, ...]:
    """The patterns of that name in patterns.txt."""
    return _patterns()[name]


def pattern(name: str) -> str:
    """The same as one bracketed alternative."""
    return f"[{'|'.join(alternatives(name))}]"


ADDRESS = "[pebble|mull|friend|mate|buddy|dear|sir|my friend|bot|computer|assistant|little one|there]"
OPENING = (
    f"[hi|hello|hey|hey {ADDRESS}|hi {ADDRESS}|hello {ADDRESS}|ok|okay|so|well|now|right|alright|please|good"
    " morning|thanks|excuse me|quick question|a question|one more|next|another one|question|riddle me"
    " this|here's one|I have a question|let's see|hmm|simple one|easy one|for school|I'm in a hurry|I am"
    " learning|we are doing maths|my {w} needs this|I'm bored|be honest|think well|no rush|let me test"
    " you|test|try this|I need your help|help me|my homework says|it says here|you know what|by the way|and"
    " another thing|sorry to bother you|last one|for my {w}|about {w}|homework|just curious|out of"
    " curiosity|next question|listen|sorry|first|actually]"
)
WONDER = (
    "[I wonder|I was wondering|I'd like to know|I want to know|I need to know|tell me|please tell me|can you"
    " tell me|could you tell me|do you know|do you happen to know|would you know|would you tell me|any idea|I"
    " forgot|remind me|my {who} asks|my {who} wants to know|help me find out|I am trying to find out|can you"
    " work out|can you figure out|please figure out|say|let me know|{name} wants to know|I can't figure"
    " out|I'm not sure|we need to know|they asked me|the question is|explain to me|answer me this]"
)
WHO = "[son|daughter|teacher|boss|friend|mother|father|brother|sister|kid|neighbour|uncle|{word}]"
CLOSING = (
    "[please|thanks|thank you|pls|if you can|if you don't mind|for me|quickly|right now|be quick|be brief|in"
    " short|just the answer|I forgot|my {who} asks|I am curious|only the result|no explanation|cheers|thx|and"
    " be careful|do it well|when you can]"
)


def _opened(core: str, rng: Random) -> str:
    opening = say(f"{OPENING}[, |, |: |! | - |. |... |\n| ]", rng)
    return opening.replace("{w}", words.thing(rng)) + core


def _people(text: str, rng: Random) -> str:
    if "{who}" in text:
        text = text.replace("{who}", say(WHO, rng, word=words.invented(rng)))
    return text.replace("{name}", words.name(rng)) if "{name}" in text else text


def ask(core: str, rng: Random) -> str:
    """Frame a direct question without its mark, e.g. `how many apples are left`."""
    text = core
    roll = rng.random()
    if roll < 0.12:
        text = (
            f"{_people(say(WONDER, rng), rng)}[, |: | ]"
            if rng.random() < 0.5
            else f"{_people(say(WONDER, rng), rng)} "
        )
        text = say(text, rng) + core
    elif roll < 0.22:
        text = _opened(core, rng)
    if rng.random() < 0.08:
        text += say("[, | ]", rng) + _people(say(CLOSING, rng), rng)
    return rough(text + say("[?|?|?|?|?||.|??| ?]", rng), rng)


def order(core: str, rng: Random) -> str:
    """Frame a command that begins with a verb, e.g. `add 3 and 4`."""
    roll = rng.random()
    text, mark = core, "[.||||!]"
    if roll < 0.14:
        text = (
            say(
                "[please|pls|kindly|just|now|go ahead and|quickly|now please|hey, please|ok,|then|try"
                " to|let's]",
                rng,
            )
            + f" {core}"
        )
    elif roll < 0.32:
        polite = "[can|could|would|will] you [please ||kindly |quickly |maybe ||help me ][||||just ]"
        text, mark = say(polite, rng) + core + say("[||| for me| please|, please]", rng), "[?|?|?|]"
    elif roll < 0.42:
        want = (
            "[I want you to|I need you to|I'd like you to|your task is to|your job: |task: |I want to|I need"
            " to|help me|help me to|I'm asking you to|you should|you have to|my {who} told me to|the exercise"
            " says to|we have to|I have to|here is a task: ]"
        )
        text = _people(say(want, rng), rng).rstrip() + f" {core}"
    elif roll < 0.5:
        text = _opened(core, rng)
    if rng.random() < 0.08:
        text += say("[, | ]", rng) + _people(say(CLOSING, rng), rng)
    return rough(text + say(mark, rng), rng)


def amount(core: str, rng: Random) -> str:
    """Frame a noun phrase or expression whose value is asked for, e.g. `the sum of 3 and 4`."""
    roll = rng.random()
    if roll < 0.45:
        return ask(
            say(
                "[what is|what is|what's|whats|how much is|what does|what would be|what do I get for|what"
                " are|what will be|give me|what do you get for|how much would|what number is|what comes out"
                " of|what is the value of|and what is]",
                rng,
            )
            + f" {core}",
            rng,
        )
    if roll < 0.75:
        return order(
            say(
                "[calculate|compute|work out|find|determine|evaluate|figure out|solve|give me|tell me|show"
                " me|get me|do|answer|say|write|return|output|print|provide|state|name|let me have|estimate"
                " exactly|reckon]",
                rng,
            )
            + f" {core}",
            rng,
        )
    if roll < 0.9:
        return rough(
            core
            + say(
                "[?| =| = ?|=|=?||.| equals| is?| equals what?| makes?| is what?|, please| please| gives?|..."
                " ?| is how much?| = what| ->|:]",
                rng,
            ),
            rng,
        )
    return ask(core, rng)


HASTE = {
    "please": "plz",
    "thanks": "thx",
    "you ": "u ",
    "what is": "wat is",
    "what's": "whats",
    "give me": "gimme",
    "want to": "wanna",
    "for me": "fo me",
    "going to": "gonna",
    "how ": "hw ",
    " and ": " n ",
    "are ": "r ",
    "because": "cos",
    "number": "nr",
    "your": "ur",
    "can you": "can u",
    "could you": "cud u",
}
SLIPS = {
    "how",
    "many",
    "what",
    "which",
    "number",
    "numbers",
    "sort",
    "please",
    "letter",
    "letters",
    "times",
    "word",
}
SLIPS |= {
    "smallest",
    "largest",
    "biggest",
    "backwards",
    "reverse",
    "subtract",
    "multiply",
    "plus",
    "minus",
    "thinking",
}
SLIPS |= {
    "download",
    "model",
    "models",
    "order",
    "spell",
    "count",
    "there",
    "left",
    "have",
    "does",
    "calculate",
}


def as_read(question: str, numbers: Sequence[tuple[int, str]]) -> list[int]:
    """The numbers, each given with its written form, in the order in which the forms stand in the question."""
    places = []
    for _, form in numbers:
        edge = r"\d" if form[-1].isdigit() else r"\w"
        found = re.search(rf"(?<!{edge}){re.escape(form.lower())}(?!{edge})", question.lower())
        places.append(found.start() if found else -1)
    if -1 in places:
        return [number for number, _ in numbers]
    return [numbers[n][0] for n in sorted(range(len(numbers)), key=places.__getitem__)]


def _slip(text: str, rng: Random) -> str:
    """A typing error in one of the common words: a letter missing, doubled or swapped with the next."""
    known = [word for word in text.split(" ") if word in SLIPS]
    if not known:
        return text
    word = rng.choice(known)
    at = rng.randrange(len(word) - 1)
    slip = rng.choice(
        (
            word[:at] + word[at + 1 :],
            word[:at] + word[at] + word[at:],
            word[:at] + word[at + 1] + word[at] + word[at + 2 :],
        )
    )
    return text.replace(word, slip, 1)


def rough(text: str, rng: Random) -> str:
    """Vary capitals, quotes and punctuation as people type them. Never changes digits or words."""
    if rng.random() < 0.06:
        for word in rng.sample(list(HASTE), 5):
            text = text.replace(word, HASTE[word])
    if rng.random() < 0.04:
        text = _slip(text, rng)
    roll = rng.random()
    if roll < 0.55:
        text = text[0].upper() + text[1:]
    elif roll < 0.6:
        text = text.lower()
    if "'" in text or '"' in text:
        roll = rng.random()
        if roll < 0.25:
            text = text.replace("'", "’")
            halves = text.split('"')
            text = "".join(
                part + ("“" if i % 2 == 0 else "”") * (i < len(halves) - 1) for i, part in enumerate(halves)
            )
        elif roll < 0.32:
            text = text.replace("'", "")
    if rng.random() < 0.012:
        text = say(
            "[Q: {q}\nA:|Question: {q}\nAnswer:|Question: {q}|Q: {q}|Task: {q}|User: {q}]", rng, q=text
        )
    return text
