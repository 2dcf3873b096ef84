"""What differs between a card and the run that repeated it.

In: a `Card` and the contents of the new run. Out: a `Repeated`: differences in models, questions, versions, machine and
settings, and for each model and mode the counts and the questions whose verdicts changed. Nothing is judged: a changed
verdict may be chance where the sampling is random and the machine another.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from typing import Any

from mull.dataclass import dataclass
from mull.evaluation.records import ModelRecord, RunRecord
from mull.evaluation.report.card import RIGHT, UNCLEAR, verdict_of
from mull.evaluation.report.card_file import Card
from mull.evaluation.report.contents import Contents
from mull.evaluation.report.facts import OF_MODELS, files_of, sampling_of, value_text

Verdicts = Mapping[tuple[str, str], str]
_DIGESTS = ("sha256", "samples", "bytes")
_SETTINGS = ("modes", "repeats", "seed", "limit", "settings")


@dataclass(frozen=True, slots=True)
class Difference:
    """One fact that is another: `then` on the card, `now` in the new run; empty: not known."""

    what: str
    then: str
    now: str

    def __str__(self) -> str:
        return f"{self.what}: {self.then or 'not on the card'}; now {self.now or 'not known'}"


@dataclass(frozen=True, slots=True)
class Change:
    """One model and mode: right answers of judged ones, then and now, and the questions whose verdicts changed."""

    model: str
    mode: str
    then: tuple[int, int]
    now: tuple[int, int]
    gained: Sequence[str]
    lost: Sequence[str]
    other: Sequence[str]

    @property
    def changed(self) -> int:
        return len(self.gained) + len(self.lost) + len(self.other)


@dataclass(frozen=True, slots=True)
class Repeated:
    """`missing`: models and modes of the card that the new run has no answers of."""

    differences: Sequence[Difference]
    changes: Sequence[Change]
    missing: Sequence[str]


def repeated(card: Card, contents: Contents) -> Repeated:
    """Compare them."""
    now = {
        (group.model, group.mode): _signs((one.suite, one.id, verdict_of(one)) for one in group.answers)
        for group in contents.groups
    }
    changes = [_change(*key, card.verdicts[key], now[key]) for key in card.verdicts if key in now]
    missing = [f"{model}, {mode}" for model, mode in card.verdicts if (model, mode) not in now]
    return Repeated(list(_differences(card.run, contents.run)), changes, missing)


def _signs(verdicts: Iterator[tuple[str, str, str]]) -> dict[tuple[str, str], str]:
    found: dict[tuple[str, str], str] = {}
    for suite, name, sign in verdicts:
        found[suite, name] = found.get((suite, name), "") + sign
    return found


def _change(model: str, mode: str, then: Verdicts, now: Verdicts) -> Change:
    both = [key for key in then if key in now]
    gained, lost, other = [], [], []
    for key in both:
        before, after = then[key].count(RIGHT), now[key].count(RIGHT)
        name = key[1]
        if after > before:
            gained.append(name)
        elif after < before:
            lost.append(name)
        elif sorted(then[key]) != sorted(now[key]):
            other.append(name)
    return Change(model, mode, _count(then, both), _count(now, both), gained, lost, other)


def _count(verdicts: Verdicts, keys: Sequence[tuple[str, str]]) -> tuple[int, int]:
    text = "".join(verdicts[key] for key in keys)
    return text.count(RIGHT), len(text) - text.count(UNCLEAR)


def _differences(then: RunRecord, now: RunRecord) -> Iterator[Difference]:
    yield from _models(then.models, now.models)
    yield from _sampling(then, now)
    yield from _mappings("questions of ", then.suites, now.suites)
    yield from _mappings("version of ", then.versions, now.versions)
    yield from _mappings("machine, ", then.machine, now.machine)
    for name in _SETTINGS:
        before, after = getattr(then, name), getattr(now, name)
        if name == "settings":
            yield from _mappings("setting ", _common(before), _common(after))
        elif before != after:
            yield Difference(name, value_text(before), value_text(after))


def _common(settings: Mapping[str, Any]) -> dict[str, Any]:
    """Without those that are another for each model."""
    return {name: value for name, value in settings.items() if name not in OF_MODELS}


def _sampling(then: RunRecord, now: RunRecord) -> Iterator[Difference]:
    for model in then.models:
        for mode in then.modes:
            before, after = (sampling_of(run, model.name, mode) for run in (then, now))
            if after and before != after:
                yield Difference(f"sampling of {model.name}, thinking {mode}", before, after)


def _mappings(what: str, then: Mapping[str, Any], now: Mapping[str, Any]) -> Iterator[Difference]:
    for name in dict.fromkeys([*then, *now]):
        if then.get(name) != now.get(name):
            yield Difference(
                f"{what}{name}".replace("_", " "), value_text(then.get(name)), value_text(now.get(name))
            )


def _models(then: Sequence[ModelRecord], now: Sequence[ModelRecord]) -> Iterator[Difference]:
    found = {model.name: model for model in now}
    for model in then:
        if (other := found.get(model.name)) is not None:
            yield from _files(model, other)
            template, own = model.identity.get("template"), other.identity.get("template")
            if template != own:
                yield Difference(f"chat template of {model.name}", value_text(template), value_text(own))


def _files(then: ModelRecord, now: ModelRecord) -> Iterator[Difference]:
    """The first digest that both have decides; sizes alone show only that files differ."""
    before, after = files_of(then), files_of(now)
    if not before:
        yield Difference(f"files of {then.name}", "", f"{len(after)} on this disk" if after else "")
        return
    if len(before) != len(after):
        yield Difference(f"files of {then.name}", str(len(before)), str(len(after)))
        return
    for one, other in zip(before, after, strict=True):
        name = next((name for name in _DIGESTS if one.get(name) and other.get(name)), None)
        if name is None or one[name] != other[name]:
            yield Difference(f"file of {then.name}", _digest(one, name), _digest(other, name))
        elif name == "bytes":
            yield Difference(f"digest of {then.name}", _digest(one, None), _digest(other, None))


def _digest(file: Mapping[str, Any], name: str | None) -> str:
    names = [name] if name else _DIGESTS
    return next((f"{one} {file[one]}" for one in names if file.get(one)), "")
