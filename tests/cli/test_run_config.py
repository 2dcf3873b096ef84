"""The layers of a run's configuration, where a batch line or a mode of `mull eval` goes over flags and config."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

from mull.commands._choices import EffortChoice
from mull.commands._options import TurnFlags
from mull.commands._run_config import ReasoningLayers, run_config
from mull.config import Config
from mull.errors import UsageError
from mull.events import Asked
from mull.settings import ReasoningAsk


def layers(flags: ReasoningAsk | None = None, configured: ReasoningAsk | None = None) -> ReasoningLayers:
    return ReasoningLayers(flags or ReasoningAsk(), configured or ReasoningAsk())


LOW = ReasoningAsk(on=True, effort="low")
OFF, ON = ReasoningAsk(on=False), ReasoningAsk(on=True)


@pytest.mark.parametrize(
    ("flags", "configured", "merged"),
    [
        (None, LOW, LOW),
        (OFF, LOW, OFF),
        (ON, OFF, ON),
        (ON, ReasoningAsk(on=False, budget=9), ReasoningAsk(on=True, budget=9)),
        (ReasoningAsk(budget=5), OFF, OFF),
        (LOW, ReasoningAsk(on=False, budget=9), ReasoningAsk(on=True, effort="low", budget=9)),
    ],
)
def test_flags_that_switch_thinking_replace_the_config(
    flags: ReasoningAsk | None, configured: ReasoningAsk, merged: ReasoningAsk
) -> None:
    assert layers(flags, configured).merged() == merged


@pytest.mark.parametrize(
    ("line", "flags", "merged"),
    [
        ({}, LOW, LOW),
        ({"reason": False}, LOW, OFF),
        ({"reason": True}, ReasoningAsk(on=True, effort="high", budget=9), ON),
        ({"effort": "low"}, OFF, LOW),
        ({"think_budget": 5}, OFF, ReasoningAsk(budget=5)),
        ({"think_budget": 5}, LOW, ReasoningAsk(on=True, effort="low", budget=5)),
        ({"think_budget": 0}, ON, ReasoningAsk(on=True, budget=0)),
    ],
)
def test_a_batch_line_goes_over_the_flags(
    line: dict[str, Any], flags: ReasoningAsk, merged: ReasoningAsk
) -> None:
    assert layers(flags).with_line(line) == merged


def test_a_batch_line_that_contradicts_itself_is_an_error() -> None:
    with pytest.raises(UsageError, match="--no-reason and --effort"):
        layers().with_line({"reason": False, "effort": "low"})


@pytest.mark.parametrize(
    ("mode", "merged"),
    [
        ("off", OFF),
        ("on", ReasoningAsk(on=True, effort="high", budget=9)),
        ("low", ReasoningAsk(on=True, effort="low", budget=9)),
        ("default", ReasoningAsk(effort="high", budget=9)),
    ],
)
def test_a_mode_of_eval_keeps_the_budget(mode: Asked, merged: ReasoningAsk) -> None:
    configured = ReasoningAsk(effort="high")
    assert layers(ReasoningAsk(budget=9), configured).with_mode(mode) == merged


def test_flags_beat_the_config(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("MULL_MODEL", "from-env")
    config = Config(
        Path("config.toml"),
        {"temperature": 0.1, "top_k": 3, "max_tokens": 7, "system": "Be brief.", "model": "x"},
    )
    run = run_config(TurnFlags(temperature=0.5, effort=EffortChoice.low, no_save=True), config)
    assert (run.preferences.sampling.temperature, run.preferences.sampling.top_k) == (0.5, 3)
    assert (run.preferences.max_tokens, run.system) == (7, "Be brief.")
    assert run.preferences.reasoning == LOW
    assert (run.model.flag, run.model.environment, run.model.configured) == (None, "from-env", "x")
    assert (run.saving.sessions, run.saving.prompt_cache) == (False, None)
