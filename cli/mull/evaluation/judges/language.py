"""Which language a text is in: by its script, or by how many of its words are common ones of a language.

In: a text. Out: a code such as "de"; empty where it cannot be seen. Meant for replies of a sentence or more.
"""

from __future__ import annotations

import re
from collections.abc import Mapping

_COMMON: Mapping[str, str] = {
    "en": "the and of to is in that it for on with as was are be this by at from or an have not you they which when "
    "because we their there has more can its but people who what how one all will would into than",
    "de": "der die das und ist in zu den mit von auf für ein eine im nicht sich es dem des als auch an werden "
    "einem einen einer bei sind wir ich man sie er wird oder um über nach noch wie wenn durch am zum zur",
    "fr": "le la les et des de un une est dans que pour pas sur qui au aux avec ce cette il elle ils sont en du ou "
    "par plus nous vous ne se leur leurs son sa ses mais comme d l on être d'autres",
    "es": "el la los las y de un una es en que para por con no se su sus al del lo como más o pero donde son está "
    "este esta muy también hay sobre entre cuando ser nos puede pueden todo",
    "it": "il lo la i gli le e di un una è in che per con non si su al del della dei nel nella come più o ma sono "
    "questo questa da dal anche suo sua quando gatto topo era ha mentre poi",
    "pt": "o a os as e de um uma é em que para por com não se seu sua ao do da dos das como mais ou mas são está "
    "este esta no na nos nas muito também há quando",
    "nl": "de het een en van is in dat op te voor met niet zijn er aan ook als bij om maar naar dan door over ze wij "
    "hij deze die wordt worden uit nog",
}
_SCRIPTS = {
    "ru": "\u0400-\u04ff", "el": "\u0370-\u03ff", "he": "\u0590-\u05ff", "ar": "\u0600-\u06ff",
    "hi": "\u0900-\u097f", "th": "\u0e00-\u0e7f", "ko": "\uac00-\ud7af", "ja": "\u3040-\u30ff", "zh": "\u4e00-\u9fff",
}  # fmt: skip
LANGUAGES = (*_COMMON, *_SCRIPTS)
"""The languages that the rule distinguishes."""
_WORDS = {code: frozenset(common.split()) for code, common in _COMMON.items()}
_LETTERS = re.compile(r"[^\W\d_]+")
_MOST_WORDS = 2_000  # that are looked at
_LEAST = 0.12  # of the words; prose has a third and more of them in its list


def language(text: str) -> str:
    """The language in which most of the text is written."""
    letters = sum(map(len, _LETTERS.findall(text[:50_000])))
    for code, script in _SCRIPTS.items():
        if letters and len(re.findall(f"[{script}]", text[:50_000])) > letters / (8 if code == "ja" else 2):
            return code
    found = [word.casefold() for word in _LETTERS.findall(text)[:_MOST_WORDS]]
    shares = {code: sum(word in common for word in found) for code, common in _WORDS.items()}
    best = max(shares, key=lambda code: shares[code])
    return best if found and shares[best] >= _LEAST * len(found) else ""
