"""Whole conversations: single turns, several unrelated ones, and follow-ups that need the turn before.

`chat(rng)` draws one from the training mix; `single(rng, task)` makes one of the given task.
"""

from random import Random

from pebble import (
    steps,
    tasks_letters,
    tasks_lists,
    tasks_modest,
    tasks_mull,
    tasks_numbers,
    tasks_scenes,
    tasks_stories,
    words,
)
from pebble.turns import Chat, Task, Turn
from pebble.wording import rough, say

TASKS: dict[str, tuple[float, Task]] = {
    "addition": (7, tasks_numbers.addition),
    "subtraction": (8, tasks_numbers.subtraction),
    "multiplication": (8, tasks_numbers.multiplication),
    "division": (1.2, tasks_numbers.division),
    "chain": (3, tasks_numbers.chain),
    "largest/smallest": (6, tasks_lists.extreme),
    "sorting": (11, tasks_lists.sorting),
    "counting": (9, tasks_letters.counting),
    "backwards": (7, tasks_letters.backwards),
    "spelling": (0.3, tasks_letters.spelling),
    "word sorting": (7, tasks_letters.word_sorting),
    "stories": (26, lambda rng: rng.choice((tasks_scenes.scene, tasks_stories.story))(rng)),
    "mull": (18, tasks_mull.fact),
    "talk": (6, tasks_mull.talk),
    "modest": (10, tasks_modest.modest),
    "too hard": (1.2, tasks_modest.too_hard),
}
_NAMES = list(TASKS)
_WEIGHTS = [weight for weight, _ in TASKS.values()]

SYSTEM = (
    "[You are [a helpful assistant|a helpful, honest assistant|an assistant|pebble|a friendly bot|a"
    " calculator|a {w} expert|concise|a teacher]|Answer [briefly|shortly|in one word|in one"
    " sentence|politely|in English|the question|with the result only]|Be"
    " [brief|concise|kind|exact|helpful]|[Think|Reason] step by step|Reply in plain text|Use short"
    " sentences|You help {n} with {w}|Today is {w}|Keep it short|Never use {w}|Speak like a {w}|You are {n},"
    " a {w}][.|.|.|. Be brief.| and be brief.|!|]"
)


def draw(rng: Random) -> Turn:
    """One turn of a random task."""
    return TASKS[rng.choices(_NAMES, _WEIGHTS)[0]][1](rng)


def _arithmetic_follow(rng: Random) -> tuple[Turn, ...]:
    first = rng.choice(
        (
            tasks_numbers.addition,
            tasks_numbers.subtraction,
            tasks_numbers.chain,
            tasks_stories.story,
            tasks_numbers.multiplication,
        )
    )(rng)
    turns, value = [first], int(first.answer)
    for _ in range(rng.choice((1, 1, 2))):
        if value < 0 or value > 9999:
            break
        sign = rng.choice(("+", "-", "*") if value < 1000 else ("+", "-"))
        link = say("[and |now |ok, now |then |and then |now please |and now |||ok |also |next, |]", rng)
        that = say("[that|it|the result|this|the answer|the last result]", rng)
        if sign == "+":
            other = rng.randint(1, 99 if rng.random() < 0.8 else 900)
            core = say(
                "[plus {b}|+ {b}|add {b}|add {b} to {x}|{b} more|{x} plus {b}|add {b} more|if I add {b}|with"
                " {b} more|what about plus {b}|what is {x} plus {b}|{x} + {b}|increase {x} by {b}|plus"
                " another {b}|what if {b} more come|and {b} on top]",
                rng,
                b=other,
                x=that,
            )
        elif sign == "-":
            other = rng.randint(0, min(value, 99 if rng.random() < 0.8 else 900))
            core = say(
                "[minus {b}|- {b}|subtract {b}|take away {b}|{x} minus {b}|take {b} away|less {b}|subtract"
                " {b} from {x}|without {b}|remove {b}|what about minus {b}|what is {x} minus {b}|{x} -"
                " {b}|take {b} from {x}|if {b} are gone]",
                rng,
                b=other,
                x=that,
            )
        else:
            other = rng.randint(2, 12)
            core = say(
                "[times {b}|* {b}|multiply by {b}|multiply {x} by {b}|{x} times {b}|what about times {b}|{x}"
                " * {b}|x {b}|what is {x} times {b}]",
                rng,
                b=other,
                x=that,
            )
            if rng.random() < 0.3:
                other, core = 2, say("[double {x}|twice {x}|double that|and the double]", rng, x=that)
        text, value = steps.chain(value, [(sign, other)])
        turns.append(
            Turn("follow-up", rough(link + core + say("[?|?||.]", rng), rng), f"Compute.\n{text}", str(value))
        )
    return tuple(turns)


def _word_follow(rng: Random) -> tuple[Turn, ...]:
    word = words.any_word(rng)
    shown = tasks_letters.written(word, rng)
    turns: list[Turn] = []
    for number in range(rng.choice((2, 2, 3))):
        it = say("[it|that word|this word|the word|the same word|that]", rng)
        link = say("[and |now |ok, now |then |and now ||||also ]", rng)
        kind = rng.randrange(4) if number else rng.choice((0, 0, 1, 2, 3))
        if kind == 0:
            letter = rng.choice(word)
            text, count = steps.count_letters(word, letter)
            slots = {
                "l": tasks_letters.letter_written(letter, rng),
                "ls": tasks_letters.letters_written(letter, rng),
                "x": it,
                "w": shown,
            }
            pattern = (
                "[how many {ls} are in {w}|count the {ls} in {w}]"
                if not number
                else (
                    "[how many {ls}|how many {ls} are in {x}|the letter {l}|how many {ls} does {x} have|count"
                    " the {ls}|what about {l}|what about {ls}|and {ls}|{ls}]"
                )
            )
            thinking, answer = f"Count.\n{text}", str(count)
        elif kind == 1:
            text, answer = steps.backwards(word)
            slots = {"x": it, "w": shown}
            pattern = (
                "[spell {w} backwards|reverse {w}|what is {w} backwards]"
                if not number
                else (
                    "[backwards|spell {x} backwards|reverse {x}|now backwards|{x} in reverse|the other way"
                    " round|say {x} backwards|reversed|what is {x} backwards|in reverse|turn {x} around]"
                )
            )
            thinking = f"Reverse.\n{text}"
        elif kind == 2:
            slots = {"x": it, "w": shown}
            pattern = (
                "[spell {w}|how do you spell {w}]"
                if not number
                else "[spell {x}|how do you spell {x}|letter by letter|spell it out]"
            )
            thinking, answer = "Spell.", "-".join(word)
        else:
            text, count = steps.count_letters(word, tasks_letters.LETTERS)
            slots = {"x": it, "w": shown}
            pattern = (
                "[how many letters are in {w}|how long is {w}]"
                if not number
                else (
                    "[how many letters does {x} have|how long is {x}|how many letters|how many letters are in"
                    " {x}|the length of {x}|its length]"
                )
            )
            thinking, answer = f"Count.\nall{text[26:]}", str(count)
        question = rough((link if number else "") + say(pattern, rng, **slots) + say("[?|?||.]", rng), rng)
        turns.append(Turn("follow-up", question, thinking, answer))
    if rng.random() < 0.35:
        other = words.any_word(rng)
        last = turns[-1]
        question = rough(
            say(
                "[and ||and in |what about |how about |now |and for |same for |the same with |and with |and"
                " the word ]",
                rng,
            )
            + tasks_letters.written(other, rng)
            + say("[?|?|?||.]", rng),
            rng,
        )
        if last.thinking.startswith("Reverse"):
            text, value = steps.backwards(other)
            turns.append(Turn("follow-up", question, f"Reverse.\n{text}", value))
        elif last.thinking.startswith("Spell"):
            turns.append(Turn("follow-up", question, "Spell.", "-".join(other)))
        else:
            wanted = last.thinking.removeprefix("Count.\n").split(":")[0]
            text, count = steps.count_letters(other, tasks_letters.LETTERS if wanted == "all" else wanted)
            turns.append(
                Turn(
                    "follow-up",
                    question,
                    "Count.\n" + ("all" + text[26:] if wanted == "all" else text),
                    str(count),
                )
            )
    return tuple(turns)


def _list_follow(rng: Random) -> tuple[Turn, ...]:
    numbers = rng.sample(range(rng.choice((20, 100, 1000))), rng.randint(3, 6))
    text, ordered = steps.sort_numbers(numbers, False)
    items = tasks_lists.listed(numbers, rng).replace(" or ", " and ")
    turns = [
        Turn(
            "follow-up",
            rough(say("[sort|order|sort these:|arrange|please sort] {n}", rng, n=items), rng),
            f"Sort up.\n{text}",
            ", ".join(map(str, ordered)),
        )
    ]
    link = say("[and |now |ok, now |then |and now |||]", rng)
    kind = rng.randrange(4)
    if kind == 0:
        text, down = steps.sort_numbers(numbers, True)
        question = say(
            f"[descending|{tasks_lists.DOWN}|the other way round|now {tasks_lists.DOWN}|reverse the"
            " order|backwards|in reverse|largest first]",
            rng,
        )
        thinking, answer = f"Sort down.\n{text}", ", ".join(map(str, down))
    elif kind == 3:
        text, value = steps.chain(ordered[0], [("+", n) for n in ordered[1:]])
        question = say(
            "[add them up|what is their sum|the sum|add them|what do they add up to|sum them]", rng
        )
        thinking, answer = f"Compute.\n{text}", str(value)
    else:
        text, value = steps.extreme(ordered, kind == 1)
        which = say(tasks_lists.BIG if kind == 1 else tasks_lists.SMALL, rng)
        question = say(
            "[which is the {w}|the {w}|what is the {w}|and the {w} one|which one is the {w}|the {w} of them]",
            rng,
            w=which,
        )
        thinking, answer = f"{'Largest' if kind == 1 else 'Smallest'}.\n{text}", str(value)
    turns.append(Turn("follow-up", rough(link + question + say("[?|?||.]", rng), rng), thinking, answer))
    return tuple(turns)


def _again(rng: Random) -> tuple[Turn, ...]:
    """`are you sure?` repeats the answer. `what was my question?` is left out: pebble does not learn it well."""
    first = draw(rng)
    question = say(
        "[are you sure|are you certain|really|is that right|is that correct|can you check that|check"
        " again|check it|please check|think again|sure|are you really sure|is this right|once more|again|say"
        " that again|repeat that|repeat your answer|what did you say|try again][?|?||.]",
        rng,
    )
    return (first, Turn("follow-up", rough(question, rng), first.thinking, first.answer))


def _fact_follow(rng: Random) -> tuple[Turn, ...]:
    first, second = tasks_mull.fact(rng), tasks_mull.fact(rng)
    question = (
        say("[and |ok, and |thanks. |thanks! |ok. |and then, |good, ]", rng)
        + second.question[0].lower()
        + second.question[1:]
    )
    return first, Turn("mull", question, second.thinking, second.answer)


FOLLOWS = (
    _arithmetic_follow,
    _arithmetic_follow,
    _word_follow,
    _word_follow,
    _list_follow,
    _again,
    _fact_follow,
)


def follow_up(rng: Random) -> tuple[Turn, ...]:
    """Turns whose later questions refer to the earlier ones."""
    return rng.choice(FOLLOWS)(rng)


def chat(rng: Random) -> Chat:
    """One conversation of the training mix; mostly a single turn, rarely a long one."""
    roll = rng.random()
    if roll < 0.85:
        turns: tuple[Turn, ...] = (draw(rng),)
    elif roll < 0.955:
        turns = follow_up(rng)
        if rng.random() < 0.25:
            turns = (draw(rng), *turns)
    elif roll < 0.998:
        turns = tuple(draw(rng) for _ in range(rng.choice((2, 2, 2, 3))))
    else:
        turns = tuple(draw(rng) for _ in range(rng.randint(6, 14))) + (
            follow_up(rng) if rng.random() < 0.4 else (draw(rng),)
        )
    system = ""
    if rng.random() < 0.04:
        system = say(SYSTEM, rng, n=words.name(rng), w=rng.choice(words.ENGLISH))
    return Chat(turns, system)
