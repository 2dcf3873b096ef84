"""Inspect a model file or a chat template: profile it, render prompts, parse outputs, without loading the model.

In: a `.gguf`, a template, or a tokenizer's JSON with one. Out: an `Inspected` for `mull inspect`. Raises
`ModelFileError` for a file that cannot be read, `TemplateError` for a template that cannot be used.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

from mull.chat_template.process import prestart
from mull.chat_template.render import Segment, render
from mull.chat_template.source_file import MAX_TEXT, OTHER, template_in
from mull.commands._chat_template import source_of
from mull.errors import ModelFileError, MullError, TemplateError, UsageError
from mull.fs.json_text import read_json
from mull.fs.text import read_bytes, reason
from mull.messages import Message
from mull.models.gguf.chat_template import ChosenTemplate, choose_template
from mull.models.gguf.header import Header, read_header
from mull.models.gguf.kind import other_kind, part_problem
from mull.models.gguf.magic import MAGIC
from mull.models.gguf.values import first_problem
from mull.reasoning.chat_messages import to_chat
from mull.reasoning.control import ReasoningDecision, decide
from mull.reasoning.describe import as_json, as_lines
from mull.reasoning.parts import AnswerPart, ThinkingPart
from mull.reasoning.profile import Profile
from mull.reasoning.profiler import profile
from mull.reasoning.splitter import Splitter
from mull.settings import ReasoningAsk

MAX_MESSAGES = 64 << 20  # bytes of a conversation, more than any context holds
PIECE = 4096  # bytes fed at once
GENERIC = (
    "chat_template",
    "template",
    "tokenizer_config",
    "tokenizer",
)  # file names that do not name a model
ROLES = ("system", "user", "assistant")
QUESTION = [Message("user", "Hello")]


@dataclass(frozen=True)
class Inspected:
    """A file: its header if it is a model, and its profile."""

    path: Path
    header: Header | None
    profile: Profile
    problem: TemplateError | None = None  # a model whose template cannot be used
    notice: str = ""  # which template it is, where the file has no main one
    chat_template: str | None = None  # the one that the user named in place of the file's

    @classmethod
    def open(cls, path: Path, chat_template: str | None = None) -> Inspected:
        """Read and profile the file. `chat_template`: a name or a file in place of the one in a GGUF."""
        prestart()
        source = _read(path)
        name = path.resolve().parent.name if path.stem in GENERIC else path.stem
        if not source.startswith(MAGIC) and path.suffix.lower() != ".gguf":
            if chat_template is not None:
                what = f"{path} is a chat template, and --chat-template names another one."
                raise UsageError("conflicting_options", what, "Name a .gguf file, or leave the option out.")
            template, texts = template_in(path, source)
            bos, eos = texts.pop("bos_token", ""), texts.pop("eos_token", "")
            try:
                found = profile(template, name=name, bos=bos, eos=eos, tokens=tuple(texts.items()))
                return cls(path, None, found)
            except TemplateError as error:
                message = error.message.replace("The model's chat template", f"The chat template {path}")
                raise TemplateError(error.code, message, "Use another file, or correct this one.") from error
        header = read_header(path)
        special, chosen = header.special_tokens.values(), choose_template(header)
        if chat_template is not None:
            chosen = ChosenTemplate(source_of(chat_template), f"{chat_template}, in place of the file's")
        try:
            found = profile(
                chosen.source,
                special=frozenset(special),
                architecture=header.architecture,
                name=header.name or name,
                bos=header.bos,
                eos=header.eos,
                tokens=header.special_texts,
            )
        except TemplateError as error:
            return cls(path, header, Profile(None), error, chat_template=chat_template)
        return cls(path, header, found, notice=chosen.notice, chat_template=chat_template)

    @property
    def other_kind(self) -> str:
        """What a GGUF is instead of a whole language model."""
        if self.header is None:
            return ""
        return other_kind(self.header) or part_problem(self.header, self.path)

    def as_json(self) -> dict[str, Any]:
        """The versioned object."""
        return {
            "v": 1,
            "file": str(self.path),
            "format": "gguf" if self.header else "template",
            "model": {**_model(self.header), "other_kind": self.other_kind or None} if self.header else None,
            "chat_template": self.chat_template,
            "reasoning": as_json(self.profile),
            "problem": self.problem.message if self.problem else _sentence(_damage(self.header)),
        }

    def as_lines(self) -> list[tuple[str, str]]:
        """Pairs of label and text, for a screen."""
        lines = [("File", str(self.path))]
        if self.header is None:
            lines.append(("Kind", "a chat template"))
        else:
            facts = _model(self.header)
            version = f"version {self.header.version}"
            lines.append(
                (
                    "Kind",
                    f"{self.other_kind} (GGUF {version})" if self.other_kind else f"a GGUF model, {version}",
                )
            )
            lines += [(label, _text(facts[key])) for label, key in LABELS if facts[key] not in (None, "")]
            if problem := _damage(self.header):
                lines.append(("Damaged", f"{problem}; mull does not load the file"))
            if self.other_kind:
                return lines
            if self.problem is not None:
                return [*lines, ("Template", f"cannot be used. {self.problem.message}")]
            if self.profile.template is None:
                lines.append(("Template", "none: a base model, which continues text"))
            elif self.notice:
                lines.append(("Template", self.notice))
        return [*lines, *as_lines(self.profile)]

    def prompt(
        self, messages: Sequence[Message], ask: ReasoningAsk
    ) -> tuple[ReasoningDecision, tuple[Segment, ...]]:
        """The decision about thinking, and the prompt for these messages. Raises `TemplateError`."""
        if self.problem is not None:
            raise self.problem
        decision = decide(ask, self.profile, messages)
        chat = to_chat(messages, self.profile, decision)
        return decision, render(
            self.profile.template, chat, arguments=decision.arguments, prefill=decision.prefill
        )

    def parse(self, output: bytes, ask: ReasoningAsk) -> dict[str, str]:
        """Thinking and answer in a raw output that follows the prompt with these options."""
        _, segments = self.prompt(QUESTION, ask)
        spelled = replace(self.profile, special=frozenset())  # a file contains spellings, not tokens
        splitter = Splitter(spelled, segments[-1].text if segments and segments[-1].trusted else "")
        pieces = (output[at : at + PIECE] for at in range(0, len(output), PIECE))
        parts = [part for piece in pieces for part in splitter.feed(0, piece, False)]
        parts += splitter.finish(complete=True)
        thinking = "".join(part.text for part in parts if isinstance(part, ThinkingPart))
        answer = "".join(part.text for part in parts if isinstance(part, AnswerPart))
        if self.profile.opens_thinking and thinking == answer:  # without the final marker it was the answer
            thinking = ""
        return {"thinking": thinking, "answer": answer}


def _damage(header: Header | None) -> str:
    """What is wrong with a model's header; empty for nothing, and for files without a vocabulary (a projector)."""
    return first_problem(header) if header is not None and header.has_tokenizer else ""


def _sentence(predicate: str) -> str | None:
    return f"{predicate[0].upper()}{predicate[1:]}." if predicate else None


LABELS = (
    ("Name", "name"),
    ("Architecture", "architecture"),
    ("Weights", "weights"),
    ("Context", "context"),
    ("Tokenizer", "tokenizer"),
    ("Vocabulary", "vocabulary"),
    ("Special tokens", "special_tokens"),
    ("Templates", "templates"),
)


def _model(header: Header) -> dict[str, Any]:
    kinds: dict[str, int] = {}
    for tensor in header.tensors:
        kinds[tensor.type] = kinds.get(tensor.type, 0) + (tensor.size or 0)
    return {
        "name": header.name or None,
        "architecture": header.architecture or None,
        "weights": max(kinds, key=lambda kind: kinds[kind]) if kinds else None,
        "bytes": header.size,
        "context": header.n_ctx_train,
        "tokenizer": header.metadata.get("tokenizer.ggml.model"),
        "vocabulary": header.n_vocab if header.has_tokenizer else None,
        "special_tokens": len(header.special_tokens) if header.has_tokenizer else None,
        "templates": sorted(header.templates),
    }


def _text(value: Any) -> str:
    if isinstance(value, int):
        return f"{value:,}"
    return ", ".join(value) if isinstance(value, list) else str(value)


def _read(path: Path) -> bytes:
    """The first bytes of a GGUF, all of a template file."""
    try:
        if path.is_file():
            with path.open("rb") as file:
                start = file.read(len(MAGIC))
            if start == MAGIC or path.suffix.lower() == ".gguf":
                return start
        return read_bytes(path, most=MAX_TEXT, pipes=True)
    except FileNotFoundError as error:
        raise ModelFileError("model_missing", f"There is no file {path}.", "Check the path.") from error
    except OSError as error:
        raise ModelFileError("model_unreadable", f"{path} cannot be read: {reason(error)}.", OTHER) from error


def read_messages(path: Path) -> list[Message]:
    """A conversation from a JSON list of objects with role, content, and optionally thinking. Raises `UsageError`."""
    try:
        value = read_json(path, most=MAX_MESSAGES, pipes=True)
    except OSError as error:
        raise MullError("file_unreadable", f"{path} cannot be read: {reason(error)}.", FORM) from error
    except ValueError as error:
        raise UsageError("invalid_messages", f"{path} is not valid JSON: {reason(error)}.", FORM) from error
    if not isinstance(value, list) or not value:
        raise UsageError("invalid_messages", f"{path} is not a list of messages.", FORM)
    return [_message(item) for item in value]


FORM = 'It looks like this: [{"role": "user", "content": "Hello"}]'


def _message(item: Any) -> Message:
    if not isinstance(item, Mapping) or item.get("role") not in ROLES:
        raise UsageError("invalid_messages", f"A message needs a role: {', '.join(ROLES)}.", FORM)
    content = item.get("content")
    if isinstance(content, list):  # a list of parts, as other tools write it
        content = "".join(str(part.get("text", "")) for part in content if isinstance(part, Mapping))
    thinking = next(
        (item[key] for key in ("thinking", "reasoning_content", "reasoning") if item.get(key)), ""
    )
    if not isinstance(content, str) or not isinstance(thinking, str):
        raise UsageError("invalid_messages", "A message's content must be a string.", FORM)
    return Message(item["role"], content, thinking, bool(item.get("partial", False)))
