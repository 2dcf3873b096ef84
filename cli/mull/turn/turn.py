"""One turn of a conversation: messages, settings and a loaded model in, a stream of events out.

`run` decides what to ask of the model's thinking, renders and tokenizes the prompt, generates, splits thinking from
answer, holds the budget, and ends with exactly one `Done`. A failure before the first token is raised (MullError);
after it, nothing is lost: `Done` carries what was said and the error. It never formats, stores or draws.
"""

from __future__ import annotations

import time
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field

from mull.chat_template.checkpoints import checkpoints
from mull.chat_template.tokens import continued
from mull.control import TurnControl
from mull.engine.engine import Generation, Piece, Prefill, Request
from mull.errors import MullError
from mull.events import (
    AnswerDelta,
    Done,
    Event,
    Finish,
    Limit,
    Notice,
    PromptProgress,
    ThinkingDelta,
    Timing,
    TokenChance,
    Usage,
)
from mull.messages import Message
from mull.reasoning.parts import AnswerPart, Part, ThinkingPart
from mull.reasoning.splitter import Splitter
from mull.settings import TurnSettings
from mull.turn.close_thinking import ThinkingCloser
from mull.turn.constraint import AnswerConstraint
from mull.turn.loaded_model import LoadedModel
from mull.turn.prepare import RenderedPrompt, prepare
from mull.turn.stop_strings import StopFilter

DEFAULT_LIMIT = 16_384
"""Generated tokens when the user gave no --max-tokens: twice the budget of the highest effort, so that only a model
that runs away meets it; the exit code then says that the answer was cut."""

BASE_LIMIT = 256
"""The same for a model without a chat template: it continues text and seldom ends by itself."""


def run(
    loaded: LoadedModel, messages: Sequence[Message], settings: TurnSettings, control: TurnControl
) -> Iterator[Event]:
    """Generate one answer. Raises ContextOverflow, TemplateError or EngineError before the first token only."""
    began = time.perf_counter()
    turn = begin(loaded, prepare(loaded, messages, settings), settings, control, began)
    failure: MullError | None = None
    try:
        yield from turn.opening()
        for item in turn.generation:
            yield from turn.take(item)
            if turn.over:
                break
    except MullError as error:
        if not turn.tokens:
            raise
        failure = error
    finally:
        turn.generation.close()
    yield from turn.end(failure)


def save_prompt_cache(
    loaded: LoadedModel, messages: Sequence[Message], settings: TurnSettings, done: Done
) -> None:
    """Let other processes find what was computed for a turn that has been shown, if that is worth writing.

    What the conversation's next prompt will begin with is found by rendering one: most templates drop old thinking.
    """
    if done.error is not None or done.finish == "interrupted":
        return
    answer = Message("assistant", done.answer, thinking=done.thinking)

    def ahead() -> Sequence[int]:
        try:
            return prepare(loaded, [*messages, answer, Message("user", "?")], settings).tokens
        except MullError:  # a template that refuses this, or a context that is full
            return prepare(loaded, messages, settings).tokens

    loaded.engine.save_prompt_cache(ahead)


def begin(
    loaded: LoadedModel, prompt: RenderedPrompt, settings: TurnSettings, control: TurnControl, began: float
) -> Turn:
    """A turn for somebody who reads its generation himself, beside others. `began`: a `perf_counter` reading.

    Raises ContextOverflow or EngineError.
    """
    markers = loaded.engine.model.markers
    request = Request(
        tokens=prompt.tokens,
        sampling=settings.sampling,
        max_tokens=settings.max_tokens or (DEFAULT_LIMIT if loaded.template else BASE_LIMIT),
        checkpoints=checkpoints(
            prompt.messages,
            prompt.segments,
            prompt.tokens,
            loaded.engine.model.piece,
            question=not loaded.engine.can_truncate,
        ),
        ignored_eog=frozenset(markers[text] for text in loaded.profile.continues if text in markers),
    )
    generation = loaded.engine.generate(request, lambda: control.stopped)
    try:
        return Turn(loaded, settings, control, prompt, generation, began)
    except BaseException:
        generation.close()
        raise


@dataclass(slots=True)
class Turn:
    """The state of one turn: counts, clocks, and what was said so far.

    `opening()`, then `take()` every item of its generation until that ends or the turn is `over`, then `end()`.
    """

    loaded: LoadedModel
    settings: TurnSettings
    control: TurnControl
    prompt: RenderedPrompt
    generation: Generation
    began: float
    thinking: list[str] = field(default_factory=list)
    answer: list[str] = field(default_factory=list)
    thinking_tokens: int = 0
    answer_tokens: int = 0
    unassigned_tokens: int = 0  # tokens of which it is not known yet what they begin
    cached: int = 0
    prefilled: float = 0.0  # clock readings, seconds
    first: float = 0.0
    answering: float = 0.0
    last: float = 0.0
    chances: list[TokenChance] = field(default_factory=list)  # of the answer's tokens
    unassigned_chances: list[TokenChance] = field(default_factory=list)  # of the undecided ones
    closer: ThinkingCloser = field(init=False)
    splitter: Splitter = field(init=False)
    stops: StopFilter = field(init=False)
    constraint: AnswerConstraint = field(init=False)

    def __post_init__(self) -> None:
        self.splitter = Splitter(self.loaded.profile, self.prompt.tail)
        self.closer = ThinkingCloser(self.loaded.profile, self.prompt.decision.budget)
        self.stops = StopFilter(self.settings.stop)
        model, decision = self.loaded.engine.model, self.prompt.decision
        profile, position = self.loaded.profile, self.splitter.position
        self.constraint = AnswerConstraint(self.settings, profile, decision, model, self.generation, position)

    @property
    def tokens(self) -> int:
        return self.thinking_tokens + self.answer_tokens + self.unassigned_tokens

    @property
    def over(self) -> bool:
        """The answer has ended, whatever the generation would still say."""
        return self.stops.stopped or self.splitter.ended

    def opening(self) -> Iterator[Event]:
        """What is to be said before the first token."""
        if self.prompt.decision.notice:
            yield Notice("reasoning", self.prompt.decision.notice)

    def take(self, item: Prefill | Piece) -> Iterator[Event]:
        """What one item of the generation adds. Read it to its end before the next item is asked for."""
        if isinstance(item, Prefill):
            self.cached = item.cached
            self.prefilled = time.perf_counter()
            yield PromptProgress(item.done, item.total, item.cached)
            return
        yield from self._take(item)
        if self.splitter.position != self.constraint.position:
            self.constraint.move(self.splitter.position, self.answer)
        if not self.over and self._enough() and not item.injected and self.splitter.whole:
            self._close_thinking()

    def end(self, failure: MullError | None = None) -> Iterator[Event]:
        """What is still held, and `Done`. The generation has ended or was closed."""
        yield from self.flush()
        notice = self.prompt.decision.report(thought=bool(self.thinking)).notice
        if notice and notice != self.prompt.decision.notice:
            yield Notice("reasoning", notice)
        if failure is not None:
            yield self.done("error", error=failure)
        else:
            yield self.done(*self.finish())

    def flush(self) -> Iterator[Event]:
        """What the splitter and the stop strings still hold."""
        yield from self._show(self.splitter.finish(complete=self.generation.ended == "eog"))
        if held := self.stops.finish():
            self.answer.append(held)
            yield AnswerDelta(held, self.answer_tokens)

    def _take(self, piece: Piece) -> Iterator[Event]:
        self.last = time.perf_counter()
        self.first = self.first or self.last
        within = self.splitter.thinking
        parts = self.splitter.feed(piece.token, piece.data, piece.special)
        if piece.logprobs is not None:
            self.unassigned_chances.append(self.constraint.token_chance(piece, piece.logprobs))
        if not piece.injected:  # our words are nobody's thinking
            self._count(parts, within=within)
        yield from self._show(parts)

    def _count(self, parts: Sequence[Part], *, within: bool) -> None:
        """One more token: of the thinking (what ends it too), of the answer, or not yet known of which."""
        self.unassigned_tokens += 1
        answered = self.splitter.answered
        if answered:
            self.answering = self.answering or self.last
        thought = within or any(isinstance(part, ThinkingPart) for part in parts)
        if self.splitter.thinking or (not answered and thought):
            self.thinking_tokens, self.unassigned_tokens = self.thinking_tokens + self.unassigned_tokens, 0
            self.unassigned_chances.clear()
        elif answered:
            self.answer_tokens, self.unassigned_tokens = self.answer_tokens + self.unassigned_tokens, 0
            self.chances += self.unassigned_chances
            self.unassigned_chances.clear()

    def _show(self, parts: Sequence[Part]) -> Iterator[Event]:
        for part in parts:
            if isinstance(part, ThinkingPart):
                self.thinking.append(part.text)
                yield ThinkingDelta(part.text, self.thinking_tokens, wanted=not self.prompt.decision.hide)
            elif isinstance(part, AnswerPart):
                if text := self.stops.feed(part.text):
                    self.answer.append(text)
                    yield AnswerDelta(text, self.answer_tokens)
            else:
                yield Notice("hidden", f"The model wrote a {part.kind}, which is not part of the answer.")

    def _enough(self) -> bool:
        """Whether the thinking has to end now: its budget is used up, or the user wants the answer."""
        return self.splitter.thinking and self.closer.due(
            self.thinking_tokens, wanted=self.control.wants_answer
        )

    def _close_thinking(self) -> None:
        """Force the family's way out as if the model had said it; it then answers in the same stream."""
        self.generation.inject(continued(self.closer.take(), self.loaded.engine.model))

    def finish(self) -> tuple[Finish, Limit | None]:
        """How it ended, and the limit that ended it."""
        ended = self.generation.ended
        silent = (self.splitter.thinking or self.thinking) and not "".join(self.answer).strip()
        if ended == "stopped" and self.control.stopped:
            return "interrupted", None
        limit: Limit | None = None
        if ended == "length":
            limit = "max_tokens" if self.settings.max_tokens else "default"
        elif ended == "context":
            limit = "context"
        if silent:
            return "thinking", limit
        if self.mismatch(limit) is not None:
            return "schema", limit
        return ("length" if limit else "stop"), limit

    def mismatch(self, limit: Limit | None) -> MullError | None:
        """Why the answer is not what was asked for; None where it is, or where nothing was."""
        return self.constraint.mismatch("".join(self.answer), cut=limit is not None)

    def done(self, finish: Finish, limit: Limit | None = None, *, error: MullError | None = None) -> Done:
        """The turn's end, with counts and times."""
        if finish == "schema":
            error = self.mismatch(limit)
        spent = self.last - self.first
        answering = self.answering or self.last
        return Done(
            model=self.loaded.name,
            answer="".join(self.answer),
            thinking="".join(self.thinking),
            reasoning=self.prompt.decision.report(thought=bool(self.thinking)),
            finish=finish,
            limit=limit,
            error=error,
            logprobs=None if self.settings.logprobs is None else (*self.chances, *self.unassigned_chances),
            usage=Usage(
                len(self.prompt.tokens),
                self.cached,
                self.thinking_tokens,
                self.answer_tokens + self.unassigned_tokens,
                self.generation.drafted,
                self.generation.accepted,
            ),
            timing=Timing(
                load=self.loaded.load_seconds,
                prompt=max(0.0, (self.prefilled or self.began) - self.began),
                first_token=self.loaded.load_seconds + (self.first - self.began if self.first else 0.0),
                thinking=answering - self.first if self.thinking_tokens else 0.0,
                answer=self.last - answering if self.answer_tokens else 0.0,
                tokens_per_second=(self.tokens - 1) / spent if spent > 0 else 0.0,
            ),
        )
