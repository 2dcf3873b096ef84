"""Questions about the letters of words: counting, spelling, reversing, and sorting words and letters.

Each function draws one `Turn`; the word is English, invented or scrambled, and written in several ways.
"""

from collections.abc import Callable
from random import Random

from pebble import steps, words
from pebble.tasks_lists import listed, piped
from pebble.turns import Turn
from pebble.wording import ask, order, pattern, rough, say

LETTERS = "abcdefghijklmnopqrstuvwxyz"


def written(word: str, rng: Random) -> str:
    """The word plain or quoted, with or without a capital."""
    roll = rng.random()
    if roll < 0.12:
        word = word.capitalize()
    elif roll < 0.17:
        word = word.upper()
    roll = rng.random()
    if roll < 0.25:
        return f'"{word}"'
    if roll < 0.37:
        return f"'{word}'"
    return f"`{word}`" if roll < 0.39 else f"*{word}*" if roll < 0.4 else word


def letter_written(letter: str, rng: Random) -> str:
    """`r`, `R`, `'r'`, `"r"`."""
    shown = letter.upper() if rng.random() < 0.2 else letter
    return rng.choice((shown, shown, f"'{shown}'", f'"{shown}"'))


def letters_written(letter: str, rng: Random) -> str:
    """`r's`, `rs`, `Rs`, `letters r`, `"r"s`."""
    shown = letter.upper() if rng.random() < 0.2 else letter
    return say(
        pattern("letters_written 1"),
        rng,
        l=shown,
    )


COUNT_ASK = pattern("count_ask")
COUNT_ORDER = pattern("count_order")


def _wanted(word: str, rng: Random) -> str:
    if rng.random() < 0.85:
        doubled = [letter for letter in word if word.count(letter) > 1]
        return rng.choice(doubled) if doubled and rng.random() < 0.5 else rng.choice(word)
    return rng.choice(LETTERS)


def counting(rng: Random) -> Turn:
    """How often a letter occurs in a word; sometimes vowels or all letters."""
    word = words.any_word(rng)
    shown = written(word, rng)
    roll = rng.random()
    if roll < 0.1:
        text, count = steps.count_letters(word, "aeiou")
        question = ask(
            say(
                pattern("counting 1"),
                rng,
                w=shown,
            ),
            rng,
        )
        return Turn("counting", question, f"Count.\n{text}", str(count))
    if roll < 0.22:
        text, count = steps.count_letters(word, LETTERS)
        text = "all" + text[26:]
        question = ask(
            say(
                pattern("counting 2"),
                rng,
                w=shown,
            ),
            rng,
        )
        return Turn("counting", question, f"Count.\n{text}", str(count))
    letter = _wanted(word, rng)
    text, count = steps.count_letters(word, letter)
    slots = {"w": shown, "l": letter_written(letter, rng), "ls": letters_written(letter, rng)}
    if rng.random() < 0.1:
        prompt = ask(
            say(
                pattern("counting 3"),
                rng,
                **slots,
            ),
            rng,
        )
        question = piped((word,), prompt, rng)
    elif rng.random() < 0.1:
        opening = say(
            pattern("counting 4"),
            rng,
            **slots,
        )
        question = rough(
            opening
            + say(
                pattern("counting 5"),
                rng,
                **slots,
            ),
            rng,
        )
    elif rng.random() < 0.16:
        question = rough(
            say(
                pattern("counting 6"),
                rng,
                **slots,
            )
            + say("[?|?|.||!]", rng),
            rng,
        )
    elif rng.random() < 0.7:
        question = ask(say(COUNT_ASK, rng, **slots), rng)
    else:
        question = order(say(COUNT_ORDER, rng, **slots), rng)
    return Turn("counting", question, f"Count.\n{text}", str(count))


BACK_ORDER = (
    "[reverse|flip|invert|turn around|mirror|spell|write|say|type|put|read|print|give me|show"
    " me|turn|output|tell me] "
)


def backwards(rng: Random) -> Turn:
    """A word (or a short number) the other way round."""
    word = words.any_word(rng) if rng.random() < 0.92 else str(rng.randint(10, 999999))
    text, value = steps.backwards(word)
    shown = written(word, rng) if word.isalpha() else word
    way = pattern("backwards 1")
    roll = rng.random()
    if roll < 0.12:
        prompt = rng.choice((order, order, ask))(
            say(
                f"[spell this {way}|reverse this|reverse it|reverse the word|write it {way}|spell it"
                f" {way}|turn it around|this word {way}|reverse|backwards|what is this {way}|flip it|reverse"
                f" this word|spell the word {way}]",
                rng,
            ),
            rng,
        )
        question = piped((word,), prompt, rng)
    elif roll < 0.6:
        question = order(
            say(
                "[[reverse|flip|invert|turn around|mirror] [the word |the letters of |the letters in |the"
                " spelling of |the string |the order of the letters in"
                " |]{w}|[spell|write|say|type|put|read|print|give me|show me|output|tell me|spell out]"
                f" [the word |]{{w}} {way}|turn [the word |]{{w}} around|reverse {{w}}|take [the word |]{{w}}"
                f" and [reverse it|write it {way}|spell it {way}|turn it around]|spell out {{w}} {way}|spell"
                f" {way} the word {{w}}|reverse the following word: {{w}}|reverse this: {{w}}|reverse this"
                " word: {w}|reverse: {w}]",
                rng,
                w=shown,
            ),
            rng,
        )
    elif roll < 0.9:
        question = ask(
            say(
                f"[what is [the word |]{{w}} {way}|what's {{w}} {way}|how do you [spell|write|say|read] [the"
                f" word |]{{w}} {way}|how [is|would] {{w}} [spelled|written|look] {way}|what does {{w}} [look"
                f" like|say|spell|read] {way}|what do you get [when|if] you [reverse|flip|turn around] [the"
                f" word |the letters of |]{{w}}|what is the reverse of {{w}}|what word is {{w}} {way}|[the"
                f" word |]{{w}} {way}, what is it|how does {{w}} look {way}|if you read {{w}} {way}, what do"
                " you get|what is the [reversed|backward|mirrored|inverted] [form|version|spelling] of"
                f" {{w}}|{{w}} read {way}, what is that|what do the letters of {{w}} give {way}|how does"
                f" {{w}} read {way}|what comes out [if|when] I [write|spell|read] {{w}} {way}]",
                rng,
                w=shown,
            ),
            rng,
        )
    else:
        question = rough(
            say(
                f"[{{w}} {way}|the reverse of {{w}}|the [backward|reversed|mirrored] [version|form|spelling]"
                f" of {{w}}|{{w}}, {way}|backwards: {{w}}|{{w}} spelled {way}|reverse of {{w}}]",
                rng,
                w=shown,
            )
            + rng.choice(("", "", "?", ".", " please")),
            rng,
        )
    return Turn("backwards", question, f"Reverse.\n{text}", value)


def spelling(rng: Random) -> Turn:
    """A word letter by letter, or its first, last or nth letter."""
    word = words.any_word(rng)
    shown = written(word, rng)
    if rng.random() < 0.55:
        core = say(
            pattern("spelling 1"),
            rng,
            w=shown,
        )
        question = (
            order(core, rng)
            if rng.random() < 0.7
            else ask(
                say(
                    "[how do you spell|how is|how would you spell|what is the spelling of] {w}", rng, w=shown
                ).replace("how is " + shown, f"how is {shown} spelled"),
                rng,
            )
        )
        return Turn("spelling", question, "Spell.", "-".join(word))
    places = ["first", "second", "third", "fourth", "fifth", "sixth"][: len(word)]
    place = rng.choice([*places, "last", "last", "first"])
    letter = (
        word[-1]
        if place == "last"
        else word[["first", "second", "third", "fourth", "fifth", "sixth"].index(place)]
    )
    question = ask(
        say(
            (
                pattern("spelling 2")
                if place == "first"
                else "[what is|what's|which is|give me|tell me] the {p} letter [of|in] [the word |]{w}"
            ),
            rng,
            p=place,
            w=shown,
        ),
        rng,
    )
    return Turn("spelling", question, f"Spell.\n{steps.index_letters(word)}", letter)


def word_sorting(rng: Random) -> Turn:
    """Letters or short words in the order of the alphabet."""
    roll = rng.random()
    if roll < 0.55:
        items = rng.sample(LETTERS, rng.randint(2, 6))
        if rng.random() < 0.1:
            items = [item.upper() for item in items]
    else:
        draws: dict[int, Callable[[], str]] = {
            0: lambda: rng.choice(words.THINGS),
            1: lambda: words.any_word(rng)[:8],
            2: lambda: rng.choice(words.FIRST_NAMES),
            3: lambda: words.name(rng),
        }
        draw = draws[rng.choice((0, 0, 0, 1, 2, 3))]
        items, heads = [], set()
        for _ in range(rng.choice((2, 3, 3, 4, 5))):
            item = draw()
            if (
                item not in items
                and (item[0].lower() not in heads or rng.random() < 0.25)
                and item[:2].lower() not in {i[:2].lower() for i in items}
            ):
                items.append(item)
                heads.add(item[0].lower())
        if len(items) < 2:
            return word_sorting(rng)
    descending = rng.random() < 0.08
    text, ordered = steps.sort_words(items, descending)
    way = (
        "[in reverse|from z to a|in reverse alphabetical order|backwards|in descending order]"
        if descending
        else (
            "[||||alphabetically|in alphabetical order|from a to z|by the alphabet|by name|A to Z|in abc"
            " order|in ascending order]"
        )
    )
    what = pattern("word_sorting 1")
    verb = "[sort|sort|sort|order|put in order|arrange|alphabetize|organize|rank]"
    if rng.random() < 0.5:
        prompt = order(
            say(
                (
                    f"[{verb} {what} {way}|sort {way}|sort these {way}|put {what} in order|put {what} in"
                    f" alphabetical order|sorted {way}|in order]"
                    if not descending
                    else f"{verb} {what} {way}"
                ),
                rng,
            ).strip(),
            rng,
        )
        if not descending and rng.random() < 0.3:
            ways = "[sort these|sort|sort this|sort them|sort the lines|put in order|sort it|sort please]"
            prompt = rough(say(ways, rng), rng)
        question = piped(items, prompt, rng)
        joint = "\n" if "\n" in question.split("\n\n")[0] else ", "
    else:
        core = say(f"{verb} [||{what}] {way}[: |:| - |, | ]", rng).replace("  ", " ").replace(
            " :", ":"
        ) + listed(items, rng).replace(" or ", " and ")
        question, joint = order(core, rng), ", "
    question = question.replace("  ", " ")
    shown = {item.lower(): item for item in items} if items[0] in question or items[-1] in question else {}
    return Turn(
        "word sorting",
        question,
        f"Sort {'down' if descending else 'up'}.\n{text}",
        joint.join(shown.get(item.lower(), item.lower()) for item in ordered),
    )
