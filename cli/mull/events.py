"""The events of a turn: what it reports while it runs. The only interface between a model and a screen.

A turn is an iterator of `Event`: any number of the first six, then exactly one `Done`, last. No delta is empty; the
deltas joined equal `Done.thinking` and `Done.answer`; text is decoded UTF-8, never cut inside a character.
A view is a function of these values alone. The events of downloads and batches are in `job_events.py`.
"""

from __future__ import annotations

from typing import Literal

from mull.dataclass import dataclass
from mull.errors import ExitCode, MullError

Finish = Literal["stop", "length", "thinking", "loop", "interrupted", "schema", "error"]
Limit = Literal["max_tokens", "default", "context"]
Asked = Literal["default", "on", "off", "low", "medium", "high"]
Applied = Literal["default", "on", "off", "low", "medium", "high", "always", "none"]


@dataclass(frozen=True, slots=True)
class Loading:
    """The model file is being read; `fraction` runs from 0.0 to 1.0."""

    model: str
    fraction: float


@dataclass(frozen=True, slots=True)
class Waiting:
    """A server is being waited for: until it answers at all, then (`connected`) until its part of the turn begins.

    `server`: the endpoint; or the model, where a process that keeps it loaded answers another call.
    """

    server: str
    connected: bool = False


@dataclass(frozen=True, slots=True)
class PromptProgress:
    """Prompt processing: `done` of `total` prompt tokens are in the KV cache, `cached` of them were reused."""

    done: int
    total: int
    cached: int


@dataclass(frozen=True, slots=True)
class ThinkingDelta:
    """More thinking. `tokens` counts the thinking tokens so far, those of this delta included.

    `wanted` is False where thinking was switched off but the model thinks anyway: views show it only on request.
    """

    text: str
    tokens: int
    wanted: bool = True


@dataclass(frozen=True, slots=True)
class AnswerDelta:
    """More of the answer. `tokens` counts the answer tokens so far, those of this delta included; 0 for the text that
    the answer began with.

    `thinking_tokens` counts those so far, also those that had no text, white space and the end marker.
    """

    text: str
    tokens: int
    thinking_tokens: int = 0


@dataclass(frozen=True, slots=True)
class Notice:
    """One line for the user ("thinking cannot be switched off in this model"). `code` is stable."""

    code: str
    text: str


LOOPED = "The answer was cut: the model repeated itself."
"""What a turn with the finish `loop` is called, wherever a note says so."""

EMPTY_ANSWER = "The answer is empty: the model ended its turn at once."
"""What a turn with the finish `stop` and an answer without text is called."""


@dataclass(frozen=True, slots=True)
class ReasoningReport:
    """How the model was asked to think, what was applied, by which means (`how`), and a notice for the user."""

    asked: Asked
    applied: Applied
    how: str
    notice: str | None = None


@dataclass(frozen=True, slots=True)
class Usage:
    """Token counts. `cached` of the `prompt` tokens came from the prompt cache.

    Speculative decoding drafted `drafted` tokens; the model accepted `accepted` of them. `prefill`: the tokens of the
    prompt that the answer, thinking included, began with; `thinking` and `answer` count what was generated.
    """

    prompt: int = 0
    cached: int = 0
    thinking: int = 0
    answer: int = 0
    drafted: int = 0
    accepted: int = 0
    prefill: int = 0


@dataclass(frozen=True, slots=True)
class Timing:
    """Seconds, except `tokens_per_second`: generated tokens over the time from the first to the last of them."""

    load: float = 0.0
    prompt: float = 0.0
    first_token: float = 0.0
    thinking: float = 0.0
    answer: float = 0.0
    tokens_per_second: float = 0.0


@dataclass(frozen=True, slots=True)
class Placement:
    """Where a model's layers are, and `why`. `devices`: llama.cpp's names of the GPUs; none: the CPU computes all.

    `gpu_layers` of `layers` are on them, as llama.cpp counts: the output is one more layer.
    """

    devices: tuple[str, ...]
    gpu_layers: int
    layers: int
    why: str


@dataclass(frozen=True, slots=True)
class TokenChance:
    """A token's bytes, the natural logarithm of its probability, and the same for the likeliest alternatives."""

    data: bytes
    logprob: float
    top: tuple[TokenChance, ...] = ()


@dataclass(frozen=True, slots=True)
class Done:
    """The end of a turn, however it ended. `limit` names the limit that cut it when `finish` is length or thinking.

    With the finish `loop`, the model repeated itself and was cut (`turn/loop_guard.py`). With the finish `schema`,
    `error` says how the answer violates the schema; the answer is complete nonetheless.
    `logprobs` belong to the answer's tokens; None unless they were requested. `tokens`: those of thinking and
    answer, so that it can be continued (`Message.tokens`); empty where they are unknown. `begun`: how many characters
    of the thinking and of the answer were there before this turn. `placement`: None at an endpoint. `threads`: the
    fewest and the most that its tokens were computed with; None where nothing was computed here. `lora`: adapters, as
    `NAME=SCALE`.
    """

    model: str
    answer: str
    thinking: str
    reasoning: ReasoningReport
    finish: Finish
    usage: Usage
    timing: Timing
    limit: Limit | None = None
    error: MullError | None = None
    logprobs: tuple[TokenChance, ...] | None = None
    tokens: tuple[int, ...] = ()
    begun: tuple[int, int] = (0, 0)
    placement: Placement | None = None
    threads: tuple[int, int] | None = None
    lora: tuple[str, ...] = ()

    @property
    def exit_code(self) -> int:
        """The process's exit code. A limit that the user set is no failure."""
        if self.finish == "error" and self.error is not None:
            return self.error.exit_code
        if self.finish == "length" and self.limit == "max_tokens":
            return ExitCode.OK
        return _EXIT[self.finish]

    @property
    def empty(self) -> bool:
        """Whether the turn ended as it should, but without an answer's text."""
        return self.finish == "stop" and self.error is None and not self.answer.strip()


_EXIT: dict[Finish, ExitCode] = {
    "stop": ExitCode.OK,
    "length": ExitCode.CUT,
    "thinking": ExitCode.NO_ANSWER,
    "loop": ExitCode.CUT,
    "schema": ExitCode.SCHEMA,
    "error": ExitCode.FAILURE,
    "interrupted": ExitCode.INTERRUPTED,
}


Event = Loading | Waiting | PromptProgress | ThinkingDelta | AnswerDelta | Notice | Done
"""What a turn yields."""
