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
from mull.chat_template.render import Segment, render
from mull.chat_template.template import Template
from mull.chat_template.tokens import continued, to_tokens
from mull.control import TurnControl
from mull.engine.engine import Engine, Generation, Piece, Prefill, Request
from mull.errors import ContextOverflow, MullError
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
from mull.reasoning.chat_messages import to_chat
from mull.reasoning.control import ReasoningDecision, decide
from mull.reasoning.profile import Profile
from mull.reasoning.splitter import Answer, Part, Splitter, Thinking
from mull.settings import TurnSettings
from mull.turn.close_thinking import ThinkingCloser
from mull.turn.constraint import AnswerConstraint
from mull.turn.stop_strings import StopFilter

DEFAULT_LIMIT = 16_384
"""Generated tokens when the user gave no --max-tokens: twice the budget of the highest effort, so that only a model
that runs away meets it; the exit code then says that the answer was cut."""

_CHARACTERS_PER_TOKEN = 16
"""More than any tokenizer packs into a token on average: a longer text overflows for certain."""

BASE_LIMIT = 256
"""The same for a model without a chat template: it continues text and seldom ends by itself."""


@dataclass(frozen=True, slots=True)
class LoadedModel:
    """A loaded model ready to take turns: its engine, what its template can do, and how long it took to load."""

    name: str
    engine: Engine
    template: Template | None
    profile: Profile
    load_seconds: float = 0.0


@dataclass(frozen=True, slots=True)
class RenderedPrompt:
    """A rendered turn: the decision on thinking, the prompt's segments and their tokens, of which messages."""

    decision: ReasoningDecision
    segments: tuple[Segment, ...]
    tokens: list[int]
    messages: Sequence[Message] = ()

    @property
    def tail(self) -> str:
        """The trusted text that the prompt ends with: the state in which it leaves the model."""
        last = self.segments[-1] if self.segments else None
        return last.text if last and last.trusted else ""


def prepare(loaded: LoadedModel, messages: Sequence[Message], settings: TurnSettings) -> RenderedPrompt:
    """Decide, render and tokenize, without generating. Raises TemplateError, and ContextOverflow for the hopeless."""
    refuse_hopeless(messages, loaded.engine.n_ctx_max)
    decision = decide(settings.reasoning, loaded.profile)
    chat = to_chat(messages, loaded.profile, decision)
    segments = render(loaded.template, chat, arguments=decision.arguments, prefill=decision.prefill)
    return RenderedPrompt(decision, segments, to_tokens(segments, loaded.engine.model), messages)


def refuse_hopeless(messages: Sequence[Message], context_tokens: int) -> None:
    """Raises ContextOverflow, with the least count of tokens, for what is not worth rendering and tokenizing."""
    least = sum(len(message.content) for message in messages) // _CHARACTERS_PER_TOKEN
    if least > context_tokens:
        raise ContextOverflow(least, context_tokens, at_least=True)


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


def keep(loaded: LoadedModel, messages: Sequence[Message], settings: TurnSettings, done: Done) -> None:
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

    loaded.engine.keep(ahead)


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
            question=not loaded.engine.rewinds,
        ),
        go_on_tokens=frozenset(markers[text] for text in loaded.profile.continues if text in markers),
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
    undecided: int = 0  # tokens of which it is not known yet what they begin
    cached: int = 0
    prefilled: float = 0.0  # clock readings, seconds
    first: float = 0.0
    answering: float = 0.0
    last: float = 0.0
    chances: list[TokenChance] = field(default_factory=list)  # of the answer's tokens
    unclaimed: list[TokenChance] = field(default_factory=list)  # of the undecided ones
    exit: ThinkingCloser = field(init=False)
    splitter: Splitter = field(init=False)
    stops: StopFilter = field(init=False)
    aim: AnswerConstraint = field(init=False)

    def __post_init__(self) -> None:
        self.splitter = Splitter(self.loaded.profile, self.prompt.tail)
        self.exit = ThinkingCloser(self.loaded.profile, self.prompt.decision.budget)
        self.stops = StopFilter(self.settings.stop)
        model, decision = self.loaded.engine.model, self.prompt.decision
        profile, place = self.loaded.profile, self.splitter.place
        self.aim = AnswerConstraint(self.settings, profile, decision, model, self.generation, place)

    @property
    def tokens(self) -> int:
        return self.thinking_tokens + self.answer_tokens + self.undecided

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
        if self.splitter.place != self.aim.place:
            self.aim.move(self.splitter.place, self.answer)
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
        if piece.chances is not None:
            self.unclaimed.append(self.aim.told(piece, piece.chances))
        if not piece.injected:  # our words are nobody's thinking
            self._count(parts, within=within)
        yield from self._show(parts)

    def _count(self, parts: Sequence[Part], *, within: bool) -> None:
        """One more token: of the thinking (what ends it too), of the answer, or not yet known of which."""
        self.undecided += 1
        answered = self.splitter.answered
        if answered:
            self.answering = self.answering or self.last
        thought = within or any(isinstance(part, Thinking) for part in parts)
        if self.splitter.thinking or (not answered and thought):
            self.thinking_tokens, self.undecided = self.thinking_tokens + self.undecided, 0
            self.unclaimed.clear()
        elif answered:
            self.answer_tokens, self.undecided = self.answer_tokens + self.undecided, 0
            self.chances += self.unclaimed
            self.unclaimed.clear()

    def _show(self, parts: Sequence[Part]) -> Iterator[Event]:
        for part in parts:
            if isinstance(part, Thinking):
                self.thinking.append(part.text)
                yield ThinkingDelta(part.text, self.thinking_tokens, wanted=not self.prompt.decision.hide)
            elif isinstance(part, Answer):
                if text := self.stops.feed(part.text):
                    self.answer.append(text)
                    yield AnswerDelta(text, self.answer_tokens)
            else:
                yield Notice("hidden", f"The model wrote a {part.kind}, which is not part of the answer.")

    def _enough(self) -> bool:
        """Whether the thinking has to end now: its budget is used up, or the user wants the answer."""
        return self.splitter.thinking and self.exit.due(
            self.thinking_tokens, wanted=self.control.wants_answer
        )

    def _close_thinking(self) -> None:
        """Force the family's way out as if the model had said it; it then answers in the same stream."""
        self.generation.inject(continued(self.exit.take(), self.loaded.engine.model))

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
        if self.misfit(limit) is not None:
            return "schema", limit
        return ("length" if limit else "stop"), limit

    def misfit(self, limit: Limit | None) -> MullError | None:
        """Why the answer is not what was asked for; None where it is, or where nothing was."""
        return self.aim.misfit("".join(self.answer), cut=limit is not None)

    def done(self, finish: Finish, limit: Limit | None = None, *, error: MullError | None = None) -> Done:
        """The turn's end, with counts and times."""
        if finish == "schema":
            error = self.misfit(limit)
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
            logprobs=None if self.settings.logprobs is None else (*self.chances, *self.unclaimed),
            usage=Usage(
                len(self.prompt.tokens),
                self.cached,
                self.thinking_tokens,
                self.answer_tokens + self.undecided,
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
