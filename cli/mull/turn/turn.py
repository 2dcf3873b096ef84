"""One turn: messages, settings and a loaded model in, a stream of events out.

`run` prepares the prompt, generates, splits thinking from answer, enforces the thinking budget, and ends with exactly
one `Done`. A failure before the first token is raised (MullError); after it, `Done` carries the text so far and the
error. Formats, stores and draws nothing.
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
from mull.turn.loop_guard import LoopGuard
from mull.turn.prepare import RenderedPrompt, prepare
from mull.turn.request import BASE_LIMIT, DEFAULT_LIMIT
from mull.turn.stop_strings import StopFilter


def run(
    loaded: LoadedModel, messages: Sequence[Message], settings: TurnSettings, control: TurnControl
) -> Iterator[Event]:
    """Generate one answer.

    Raises ContextOverflow, TemplateError, EngineError or Interrupted, before the first token only.
    """
    began = time.perf_counter()
    prompt = prepare(loaded, messages, settings, lambda: control.stopped)
    turn = begin(loaded, prompt, settings, control, began)
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


def begin(
    loaded: LoadedModel, prompt: RenderedPrompt, settings: TurnSettings, control: TurnControl, began: float
) -> Turn:
    """Begin a turn whose generation the caller reads, for example in parallel with others.

    `began` is a `perf_counter` reading. Raises ContextOverflow or EngineError.
    """
    special = loaded.engine.model.special_tokens
    request = Request(
        tokens=prompt.tokens,
        sampling=settings.sampling,
        max_tokens=settings.max_tokens or (DEFAULT_LIMIT if loaded.template else BASE_LIMIT),
        checkpoints=checkpoints(
            prompt.messages,
            prompt.segments,
            prompt.tokens[: len(prompt.tokens) - len(prompt.prefill)],
            loaded.engine.model.piece,
            question=not loaded.engine.can_truncate,
        ),
        ignored_eog=frozenset(special[text] for text in loaded.profile.continues if text in special),
        drawn_seed=settings.drawn_seed,
    )
    generation = loaded.engine.generate(request, lambda: control.stopped)
    try:
        return Turn(loaded, settings, control, prompt, generation, began)
    except BaseException:
        generation.close()
        raise


@dataclass(slots=True)
class Turn:
    """The state of one turn: token counts, clock readings, and the text so far.

    Call `opening()`, `take()` with each item of its generation until that ends or the turn is `over`, then `end()`.
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
    unassigned_tokens: int = 0  # tokens not yet known to belong to thinking or answer
    prefilled_thinking: int = 0  # thinking tokens that the answer began with
    begun: tuple[int, int] = (0, 0)  # characters of thinking and answer that it began with
    held_prefill: int = 0  # characters of them that the stop filter holds back
    generated: list[int] = field(default_factory=list)  # and injected, in order
    cached: int = 0
    prefilled: float = 0.0  # clock readings, seconds
    first: float = 0.0
    answering: float = 0.0
    last: float = 0.0
    chances: list[TokenChance] = field(default_factory=list)  # log probabilities of the answer's tokens
    unassigned_chances: list[TokenChance] = field(default_factory=list)  # of the unassigned tokens
    thinking_looped: bool = False  # the loop guard ends the thinking, once
    looped: bool = False  # the loop guard ends the turn
    closer: ThinkingCloser = field(init=False)
    splitter: Splitter = field(init=False)
    stops: StopFilter = field(init=False)
    constraint: AnswerConstraint = field(init=False)
    guard: LoopGuard = field(init=False)

    def __post_init__(self) -> None:
        texts = [message.content for message in self.prompt.messages if message.role != "assistant"]
        self.splitter = Splitter(self.loaded.profile, self.prompt.trusted_end, texts)
        self.closer = ThinkingCloser(self.loaded.profile, self.prompt.decision.budget)
        self.stops = StopFilter((*self.settings.stop, *self.loaded.stops))
        model, decision, profile = self.loaded.engine.model, self.prompt.decision, self.loaded.profile
        position = self.splitter.position
        self.constraint = AnswerConstraint(self.settings, profile, decision, model, self.generation, position)
        question = next((one.content for one in reversed(self.prompt.messages) if one.role == "user"), "")
        self.guard = LoopGuard(model.piece, question, constrained=self.settings.answer_format is not None)

    @property
    def tokens(self) -> int:
        return self.thinking_tokens + self.answer_tokens + self.unassigned_tokens

    @property
    def over(self) -> bool:
        """Whether the answer has ended, even if the generation could continue."""
        return self.stops.stopped or self.splitter.ended or self.looped

    def opening(self) -> Iterator[Event]:
        """Events before the first token: a notice, and the text that the answer begins with."""
        if self.prompt.decision.notice:
            yield Notice("reasoning", self.prompt.decision.notice)
        if self.prompt.prefill:
            yield from self._begin_with(self.prompt.prefill)

    def _begin_with(self, tokens: Sequence[int]) -> Iterator[Event]:
        """Take up an answer where it was cut: its text, its place in the turn, and its thinking tokens."""
        model = self.loaded.engine.model
        parts: list[Part] = []
        for token in tokens:
            within = self.splitter.thinking
            new = self.splitter.feed(token, model.piece(token), model.is_special(token))
            self._count(new, within=within)
            parts += new
        self.prefilled_thinking = self.thinking_tokens
        self.thinking_tokens = self.answer_tokens = self.unassigned_tokens = 0
        self.answering = 0.0
        yield from self._show(parts)
        self.held_prefill = self.stops.held_back + (0 if self.splitter.thinking else self.splitter.held_back)
        self.begun = len("".join(self.thinking)), len("".join(self.answer)) + self.held_prefill
        self.constraint.begin(self.splitter.position, self.answer)
        if self._thinking_has_to_end() and self.splitter.whole:
            self._close_thinking()

    def take(self, item: Prefill | Piece) -> Iterator[Event]:
        """The events for one item of the generation. Read them all before requesting the next item."""
        if isinstance(item, Prefill):
            self.cached = item.cached
            self.prefilled = time.perf_counter()
            yield PromptProgress(item.done, item.total, item.cached)
            return
        within = self.splitter.thinking
        yield from self._take(item)
        if self.splitter.thinking != within:
            self.guard.restart()
        elif self.settings.loop_guard and not item.injected and self.guard.feed(item.token):
            yield from self._end_loop()
        if self.splitter.position != self.constraint.position:
            self.constraint.move(self.splitter.position, self.answer)
        if not self.over and self._thinking_has_to_end() and not item.injected and self.splitter.whole:
            self._close_thinking()

    def end(self, failure: MullError | None = None) -> Iterator[Event]:
        """The text still held back, and `Done`. The generation must have ended or been closed."""
        yield from self.flush()
        notice = self.prompt.decision.report(thought=bool(self.thinking)).notice
        if notice and notice != self.prompt.decision.notice:
            yield Notice("reasoning", notice)
        if failure is not None:
            yield self.done("error", error=failure)
        else:
            yield self.done(*self.finish())

    def flush(self) -> Iterator[Event]:
        """Emit the text that the splitter and the stop filter hold back."""
        yield from self._show(self.splitter.finish(complete=self.generation.ended == "eog"))
        yield from self._answered(self.stops.finish())

    def _take(self, piece: Piece) -> Iterator[Event]:
        self.last = time.perf_counter()
        self.first = self.first or self.last
        self.generated.append(piece.token)
        within = self.splitter.thinking
        parts = self.splitter.feed(piece.token, piece.data, piece.special)
        if piece.logprobs is not None:
            self.unassigned_chances.append(self.constraint.token_chance(piece, piece.logprobs))
        if not piece.injected:  # injected text does not count
            self._count(parts, within=within)
        yield from self._show(parts)

    def _count(self, parts: Sequence[Part], *, within: bool) -> None:
        """Count one token: as thinking (its end marker included), as answer, or as not yet assigned."""
        self.unassigned_tokens += 1
        answered = self.splitter.answered
        if answered:
            self.answering = self.answering or self.last
        thought = within or any(isinstance(part, ThinkingPart) for part in parts)
        answers = answered and any(isinstance(part, AnswerPart) for part in parts)
        if self.splitter.thinking or (thought and not answers):
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
                yield from self._answered(self.stops.feed(part.text))
            else:
                yield Notice("hidden", f"The model wrote a {part.kind}, which is not part of the answer.")

    def _answered(self, text: str) -> Iterator[AnswerDelta]:
        """Text of the answer; what it began with, held back until now, comes as a delta without tokens."""
        self.answer.append(text)
        begun, new = text[: self.held_prefill], text[self.held_prefill :]
        self.held_prefill -= len(begun)
        if begun:
            yield AnswerDelta(begun, 0)
        if new:
            yield AnswerDelta(new, self.answer_tokens, self.thinking_tokens)

    def _end_loop(self) -> Iterator[Event]:
        """End what repeats itself: the first time the thinking alone, so that an answer can follow."""
        if self.splitter.thinking and not self.thinking_looped:
            self.thinking_looped = True
            self.guard.restart()
            yield Notice("thinking_loop", "The thinking repeated itself and was ended.")
        elif not self.over:
            self.looped = True

    def _thinking_has_to_end(self) -> bool:
        """Whether thinking has to end now: its budget is used up, it is a loop, or the user requested the answer."""
        wanted = self.control.wants_answer or self.thinking_looped
        thought = self.prefilled_thinking + self.thinking_tokens
        return self.splitter.thinking and self.closer.due(thought, wanted=wanted)

    def _close_thinking(self) -> None:
        """Inject the family's end of thinking as if the model had written it; the answer follows in the same stream."""
        self.generation.inject(continued(self.closer.take(), self.loaded.engine.model))

    def finish(self) -> tuple[Finish, Limit | None]:
        """How the turn ended, and the limit that ended it."""
        ended = self.generation.ended
        no_answer = (self.splitter.thinking or self.thinking) and not "".join(self.answer).strip()
        if ended == "stopped" and self.control.stopped:
            return "interrupted", None
        limit: Limit | None = None
        if ended == "length":
            limit = "max_tokens" if self.settings.max_tokens else "default"
        elif ended == "context":
            limit = "context"
        if no_answer:
            return ("loop" if self.looped else "thinking"), limit
        if self.mismatch(limit) is not None:
            return "schema", limit
        return "loop" if self.looped else "length" if limit else "stop", limit

    def mismatch(self, limit: Limit | None) -> MullError | None:
        """Why the answer does not match the requested format; None if it does, or if none was requested."""
        cut = "loop" if self.looped else limit
        return self.constraint.mismatch("".join(self.answer), cut=cut, more=self.more(limit))

    def more(self, limit: Limit | None) -> str:
        """What lets the answer be longer, where this limit cut it."""
        if limit != "context":
            return "Allow more tokens with --max-tokens."
        larger = self.loaded.engine.n_ctx_max < self.loaded.engine.model.n_ctx_train
        return "Raise --ctx, or shorten the input." if larger else "Shorten the input, or ask for less."

    def done(self, finish: Finish, limit: Limit | None = None, *, error: MullError | None = None) -> Done:
        """The final event, with token counts and times."""
        if finish == "schema":
            error = self.mismatch(limit)
        spent, answering = self.last - self.first, self.answering or self.last
        return Done(
            model=self.loaded.name,
            answer="".join(self.answer),
            thinking="".join(self.thinking),
            reasoning=self.prompt.decision.report(thought=bool(self.thinking)),
            finish=finish,
            limit=limit,
            error=error,
            placement=self.loaded.placement,
            logprobs=None if self.settings.logprobs is None else (*self.chances, *self.unassigned_chances),
            tokens=(*self.prompt.prefill, *self.generated),
            begun=self.begun,
            threads=self.generation.threads,
            lora=tuple(each.text for each in self.loaded.engine.model.adapters),
            usage=Usage(
                len(self.prompt.tokens),
                self.cached,
                self.thinking_tokens,
                self.answer_tokens + self.unassigned_tokens,
                self.generation.drafted,
                self.generation.accepted,
                len(self.prompt.prefill),
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
