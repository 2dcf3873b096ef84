"""Vocabulary for questions: English words, names, things, and invented words.

In: a seeded `random.Random`. Out: strings. English words come from `english.txt` (see README.md for its licence);
one in sixteen of them, chosen by a checksum, is held out of the training for the evaluation.
"""

import zlib
from pathlib import Path
from random import Random


def _list(text: str) -> list[str]:
    return text.split()


VOWELS = "aeiou"
ONSETS = _list(
    """
    b c d f g h j k l m n p qu r s t v w y z bl br ch cl cr dr fl fr gl gr kn pl pr sc sh sk sl sm sn sp st
    str sw th tr tw wh
    """
)
NUCLEI = _list("a e i o u a e i o u ai ea ee ie oa oo ou ei au io")
CODAS = _list(
    "b d f g k l m n p r s t x y ll ss ff tt nd nt rd rk rm rn rt st sk sh ch th ck ng mp lt ld zz gg"
)
CODAS += [""] * 20

EXTRA = _list(
    """
    strawberry raspberry blueberry cranberry blackberry banana mississippi tennessee bookkeeper committee
    balloon coffee letter butter pepper hello world python computer keyboard program language model llama
    pebble mountain river giraffe elephant parallel occurrence successful necessary accommodate apple orange
    cherry lemon tomato potato carrot onion cat dog house tree book table chair window garden summer winter
    stressed desserts drawer level racecar radar noon civic google terminal occurred referrer mirror error
    carrier barrier array arrow narrow tomorrow sorry ferry merry berry
    """
)
FIRST_NAMES = _list(
    """
    Anna Ben Clara David Emma Felix Grace Hugo Ivy Jack Kate Leo Mia Noah Olga Paul Quinn Rosa Sam Tina Uma
    Victor Wendy Xavier Yara Zoe Tom Sara Maria Ali Omar Fatima Chen Wei Yuki Priya Raj Ahmed Lena Max Nina
    Oscar Peter Lucy John Mary Bob Alice Carol Dave Eve Frank Jane Jim Joe Kim Lisa Mark Mike Nick Pam Rob
    Sue Tim Amy Liam Ella Ravi Diego
    """
)
THINGS = _list(
    """
    apple pear plum orange lemon banana cookie candy cake pie egg book pen pencil marble coin stamp card
    sticker toy ball balloon shell stone flower rose tulip tree leaf fish bird cat dog hen cow sheep goat
    horse duck car truck bike train ticket chair table lamp cup plate spoon bottle box bag basket button
    bead brick nail screw bolt key photo letter shirt sock hat shoe glove coat bun muffin donut sandwich
    pizza grape melon carrot potato tomato onion bean nut seed sweet chocolate crayon notebook magazine
    poster puzzle game token badge medal ribbon candle battery cable
    """
)
PLACES = _list(
    """
    box bag basket drawer shelf garden room shop store bus train class school farm field pond park library
    jar crate van truck tin barn kitchen office hall boat tank cupboard
    """
)
COUNTRIES = _list(
    """
    France Germany Spain Italy Japan China India Brazil Peru Chile Canada Mexico Kenya Egypt Norway Sweden
    Poland Greece Turkey Iran Iraq Vietnam Thailand Cuba Mali Chad Ghana Nigeria Australia Portugal Austria
    Hungary
    """
)
_NUMBER_WORDS = _list(
    """
    zero one two three four five six seven eight nine ten eleven twelve thirteen fourteen fifteen sixteen
    seventeen eighteen nineteen
    """
)
_TENS = _list("_ _ twenty thirty forty fifty sixty seventy eighty ninety")


def is_held_out(word: str) -> bool:
    """Whether this English word is held out of the training of letter tasks."""
    return zlib.crc32(word.encode()) % 16 == 3 and word not in EXTRA


def _load() -> list[str]:
    return (Path(__file__).parent / "english.txt").read_text(encoding="utf-8").split()


ENGLISH = [word for word in _load() if not is_held_out(word)] + EXTRA * 4
PIECES = [
    line[1:]
    for line in (Path(__file__).parent / "pieces.txt").read_text(encoding="utf-8").split()
    if line[1:].isalpha()
]
HELD_OUT = [word for word in _load() if is_held_out(word)]


def invented(rng: Random, syllables: int | None = None) -> str:
    """A pronounceable word of 3 to 12 letters that is in no dictionary."""
    count = syllables or rng.choice((1, 2, 2, 2, 3, 3, 4))
    word = "".join(rng.choice(ONSETS) + rng.choice(NUCLEI) + rng.choice(CODAS) for _ in range(count))
    return word[:12] if len(word) > 2 else word + rng.choice("aeioursn")


def scrambled(rng: Random) -> str:
    """Random letters, with doubles more often than by chance."""
    pool = rng.sample("abcdefghijklmnopqrstuvwxyz", rng.randint(2, 8))
    return "".join(rng.choice(pool) for _ in range(rng.randint(3, 11)))


def pieced(rng: Random) -> str:
    """A word that begins with (a part of) one of the tokenizer's pieces, so that every piece gets spelled often."""
    piece = rng.choice(PIECES)
    return (piece[: rng.randint(1, len(piece))] + (invented(rng, 1) if rng.random() < 0.8 else ""))[:12]


def any_word(rng: Random) -> str:
    """A word for letter tasks: mostly English, else invented or scrambled."""
    roll = rng.random()
    if roll < 0.5:
        return rng.choice(ENGLISH)
    if roll < 0.65:
        return pieced(rng)
    return invented(rng) if roll < 0.88 else scrambled(rng)


def name(rng: Random) -> str:
    """A person's name, often an invented one."""
    return rng.choice(FIRST_NAMES) if rng.random() < 0.5 else invented(rng, rng.choice((1, 2))).capitalize()


def thing(rng: Random) -> str:
    """The singular of something that can be counted, sometimes invented."""
    return rng.choice(THINGS) if rng.random() < 0.75 else invented(rng, 2)


def plural(noun: str) -> str:
    """The regular English plural."""
    if noun.endswith(("s", "x", "ch", "sh", "z")):
        return noun + "es"
    if noun.endswith("y") and noun[-2] not in VOWELS:
        return noun[:-1] + "ies"
    return {
        "leaf": "leaves",
        "sheep": "sheep",
        "fish": "fish",
        "potato": "potatoes",
        "tomato": "tomatoes",
    }.get(noun, noun + "s")


def spoken(number: int) -> str:
    """A number from 0 to 9999 in English words."""
    if number > 999:
        thousands, rest = divmod(number, 1000)
        return f"{_NUMBER_WORDS[thousands]} thousand" + (
            f"{' and' if rest < 100 else ''} {spoken(rest)}" if rest else ""
        )
    if number < 20:
        return _NUMBER_WORDS[number]
    if number < 100:
        tens, ones = divmod(number, 10)
        return _TENS[tens] + (f"-{_NUMBER_WORDS[ones]}" if ones else "")
    hundreds, rest = divmod(number, 100)
    return f"{_NUMBER_WORDS[hundreds]} hundred" + (f" and {spoken(rest)}" if rest else "")
