"""What the licence of a base model asks of those who change the model and pass it on, in a few words.

Read in the licences' own texts: Apache 2.0 section 4, the MIT notice, section 1.b of Meta's community licences,
section 3.1 of the Gemma terms (April 2024; Gemma 4 is under Apache 2.0), and for the others what the catalogue states.
A summary, and no advice: the licence's text decides.
"""

from __future__ import annotations

import re

from mull.models.catalogue.entry import Licence

_COPY = "a copy of the licence goes with every copy of the model"
_CHANGED = "files that were changed say so"
_META = (
    "the acceptable-use policy of the base applies, and above 700 million monthly users Meta has to be asked"
)
_CONDITIONS: tuple[tuple[str, tuple[str, ...]], ...] = (
    (r"apache-?2.*", (f"{_COPY}, with its notices", _CHANGED)),
    (r"(?:.*-)?mit", ("the copyright notice and the licence text go with every copy",)),
    (r"llama-?2.*", (f"{_COPY}, with Meta's notice", _META)),
    (
        r"llama-?3",
        (
            'the name of a model made of it begins with "Llama 3"',
            '"Built with Meta Llama 3" is shown where it is offered',
            f"{_COPY}, with Meta's notice",
            _META,
        ),
    ),
    (
        r"llama-?(?:3\.\d|4).*",
        (
            'the name of a model made of it begins with "Llama"',
            '"Built with Llama" is shown where it is offered',
            f"{_COPY}, with Meta's notice",
            _META,
        ),
    ),
    (
        r"gemma.*",
        (
            "the Gemma terms pass on: whoever gets the model is bound by their prohibited uses",
            f"{_COPY}, with Google's notice",
            _CHANGED,
        ),
    ),
    (r"cc-by-nc.*|.*-nc(?:-.*)?", ("no commercial use", "the maker is named")),
)
# Families whose licence their names show, for bases that the catalogue does not have.
_FAMILIES = (
    (r"llama[- ]?(3\.[123]|4)(?![.\d])", r"llama\1"),
    (r"llama[- ]?3(?![.\d])", "llama3"),
    (r"llama[- ]?2(?![.\d])", "llama2"),
    (r"gemma[- ]?[123]n?(?![.\d])", "gemma"),
)


def conditions(licence: str) -> tuple[str, ...]:
    """The conditions of a licence by its id, as SPDX or the Hub spell it; empty for one that is not known here.

    Of `A AND B`, those of both.
    """
    found: list[str] = []
    for part in re.split(r"\s+and\s+", licence[:100], flags=re.IGNORECASE):
        name = part.strip().lower().removeprefix("licenseref-")
        known = next((terms for pattern, terms in _CONDITIONS if re.fullmatch(pattern, name)), ())
        found += [term for term in known if term not in found]
    return tuple(found)


def conditions_of(licence: Licence) -> tuple[str, ...]:
    """The conditions of a catalogue entry's licence, and what the entry states beyond those that are known here."""
    known = conditions(licence.spdx)
    stated = (licence.asks,) if licence.asks and (licence.permissive or not known) else ()
    return (*known, *stated)


def licence_of_family(name: str) -> str:
    """The licence of a model by the family in its name; empty if the name shows none."""
    for pattern, licence in _FAMILIES:
        if match := re.search(rf"(?<![a-z0-9]){pattern}", name[:300].lower().replace("_", "-")):
            return match.expand(licence)
    return ""
