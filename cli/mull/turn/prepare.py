"""Messages and settings to a prompt: decide about thinking, render the chat template, tokenize. Generates nothing.

Raises `TemplateError`, and `ContextOverflow` for messages that cannot fit the context whatever the tokenizer does.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from contextlib import nullcontext
from dataclasses import replace

from mull.chat_template.process import stoppable
from mull.chat_template.render import Segment, render
from mull.chat_template.tokens import to_tokens
from mull.dataclass import dataclass
from mull.engine.engine import Engine
from mull.fs import trace
from mull.messages import Message, least_tokens
from mull.reasoning.chat_messages import to_chat
from mull.reasoning.control import ReasoningDecision, decide
from mull.settings import ReasoningAsk, TurnSettings
from mull.structured.prompt import told
from mull.turn.loaded_model import LoadedModel
from mull.turn.prefill import ask_for, check_answer, known_tokens, prefill_tokens, without_thinking


@dataclass(frozen=True, slots=True)
class RenderedPrompt:
    """A prompt: the decision about thinking, the segments and their tokens, and the messages they come from.

    `prefill`: the last of the tokens, which the answer begins with; they are in no segment.
    """

    decision: ReasoningDecision
    segments: tuple[Segment, ...]
    tokens: list[int]
    messages: Sequence[Message] = ()
    prefill: Sequence[int] = ()

    @property
    def trusted_end(self) -> str:
        """The trusted text that the prompt ends with, from which the splitter derives its start state."""
        last = self.segments[-1] if self.segments else None
        return last.text if last and last.trusted else ""


def prepare(
    loaded: LoadedModel,
    messages: Sequence[Message],
    settings: TurnSettings,
    stopped: Callable[[], bool] | None = None,
) -> RenderedPrompt:
    """Tell the model the answer's format, decide, render and tokenize.

    Raises TemplateError, ContextOverflow where the messages cannot fit, UsageError where the text that an answer is to
    begin with opens thinking, and Interrupted once `stopped()`; None: what
    the caller has passed to `stoppable`.
    """
    messages = told(messages, settings, n_params=loaded.engine.model.n_params)
    reject_oversized(messages, loaded.engine)
    with trace.span("prompt text"), nullcontext() if stopped is None else stoppable(stopped):
        if settings.continue_answer and messages and messages[-1].role == "assistant":
            return _continuing(loaded, messages[:-1], messages[-1], settings.reasoning)
        return _rendered(loaded, messages, settings.reasoning)


def _rendered(loaded: LoadedModel, messages: Sequence[Message], ask: ReasoningAsk) -> RenderedPrompt:
    decision = decide(ask, loaded.profile, messages)
    chat = to_chat(messages, loaded.profile, decision)
    segments = render(loaded.template, chat, arguments=decision.arguments, prefill=decision.prefill)
    return RenderedPrompt(decision, segments, to_tokens(segments, loaded.engine.model), messages)


def _continuing(
    loaded: LoadedModel, messages: Sequence[Message], answer: Message, ask: ReasoningAsk
) -> RenderedPrompt:
    """The prompt with the beginning of the answer: by the answer's own tokens where they fit, else by its text."""
    profile, model = loaded.profile, loaded.engine.model
    prompt = _rendered(loaded, messages, ask)
    texts = [message.content for message in messages if message.role != "assistant"]
    tokens = known_tokens(answer, profile, model, prompt.trusted_end, texts)
    if not tokens and (answer.content or answer.thinking):
        prompt = _rendered(loaded, messages, ask_for(ask, answer))
        if not answer.thinking:
            prompt = replace(prompt, decision=without_thinking(prompt.decision, ask, profile))
        tokens = prefill_tokens(answer, profile, model, prompt.trusted_end)
        if answer.content:
            check_answer(answer.content, tokens, profile, model, prompt.trusted_end)
    return replace(prompt, tokens=[*prompt.tokens, *tokens], prefill=tokens)


def reject_oversized(messages: Sequence[Message], engine: Engine) -> None:
    """Raise ContextOverflow, with a lower bound of the tokens, for messages that cannot fit the context."""
    least = least_tokens(messages)
    if least > engine.n_ctx_max:
        raise engine.overflow(least, at_least=True)
