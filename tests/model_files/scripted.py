r"""A model that plays a script: a real GGUF, run by the real llama.cpp, that generates exactly what a test prescribes.

    write_scripted(path, ["<think>", "Hm", "m.", "</think>", "\n\n", "Yes"], user_defined=["<think>", "</think>"])

The script starts after the prompt's last token, whatever that is, and ends with `eos`. Each element is one token:

* `str` or `bytes`: an ordinary token of exactly these bytes, of any length, valid UTF-8 or not (a character may be
  split over tokens). A single byte is that byte's own token; "\n\n" is a separate token in every model, as in
  Qwen's vocabulary, so that the prompt endings "\n" and "\n\n" (an empty thinking block) can start different scripts.
* a spelling listed in `control` or `user_defined`: that special token. The way to write markers, stop tokens too.

`starts` maps the spelling of a prompt's last token to its own script, e.g. thinking switched off:

    write_scripted(path, ["Hmm", "</think>", "\n\n", "Yes"], starts={"\n\n": ["No"]}, user_defined=["</think>"])

Injection: the next token depends on the last one (and, for a token that the script uses more than once, on how far
the script has come), so after injected tokens the script continues where the last injected token leads: the same
place as in the script, or `starts`, or, for a token that is in neither, the script's beginning.

A token may come more than once with different successors (gpt-oss says `<|channel|>` and `<|message|>` twice) as long
as between two of its uses some ordinary piece comes that is used only once; then the token is followed by what follows
its next use after the last such piece. Anything else raises ValueError: merge the piece with its neighbour. This needs
attention to what was said, which only the plain architectures have here (`llama`); the others (`qwen3`, `gemma3`,
`gpt-oss`, `deepseek2`, `gpt2`) play scripts without such repetitions.

llama.cpp ends generation at every token spelled like a known end (`<|end|>`, `<|im_end|>`, `<end_of_turn>`, ...),
whatever `eos` says; `<|end|>` is spared when the vocabulary also has `<|return|>` and `<|call|>`, as gpt-oss does.

Text in a prompt is tokenized to single bytes and special tokens (and "\n\n").

How it works: the embedding of a token is the code of its successor, and the output row of a token is its own code, so
the residual stream alone says what comes next. Ambiguous tokens carry the codes of all their successors; one
attention head finds the furthest piece of the script that has been said, and adds a bonus to what comes after it.
"""

from __future__ import annotations

import itertools
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path

import gguf
import numpy as np

from tests.model_files.architectures import HEAD, Shape, write_tensors
from tests.model_files.finish import finish
from tests.model_files.vocabulary import Vocabulary

Script = Sequence[str | bytes]

_BONUS = 0.4  # of the right successor of an ambiguous token, beside 1.0 for each of its successors
_MARGIN = 40.0  # between the logits of the right token and of any other: certain at every temperature


def write_scripted(
    path: Path,
    script: Script,
    *,
    starts: Mapping[str, Script] | None = None,
    template: str | None = None,
    control: Sequence[str] = ("<|im_start|>", "<|im_end|>"),
    user_defined: Sequence[str] = (),
    eos: str | None = None,
    bos: str | None = None,
    add_bos: bool = False,
    architecture: str = "llama",
    tokenizer: str = "gpt2",
    pre: str = "qwen2",
    n_ctx: int = 4096,
    name: str = "scripted",
    end: bool = True,
    width: int = 0,
) -> Path:
    """Write the model. `eos` defaults to the last of `control`; `end=False` leaves the script without a stop.

    `tokenizer` is `gpt2` (byte-level BPE) or `llama` (SentencePiece with byte fallback). `width`: at least so wide.
    """
    eos = eos or control[-1]
    scripts = {None: list(script), **{key: list(said) for key, said in (starts or {}).items()}}
    if end:
        for said in scripts.values():
            said.append(eos)
    vocabulary = Vocabulary(
        tokenizer, control=[*control, *([eos] if eos not in control else [])], user=user_defined
    )
    chains = {key: [vocabulary.add(piece) for piece in said] for key, said in scripts.items()}
    if bos is not None:
        vocabulary.add(bos)
    plan = _Plan.of(chains, vocabulary)
    writer = gguf.GGUFWriter(path, architecture)
    writer.add_name(name)
    vocabulary.write(writer, pre=pre, eos=eos, bos=bos, add_bos=add_bos)
    if template is not None:
        writer.add_chat_template(template)
    plan.write(writer, architecture, n_ctx=n_ctx, width=width)
    return finish(writer, path)


@dataclass
class _Plan:
    """Which token follows which: `after[token]` lists its uses as (place, successor); `places` are the unmistakable
    pieces."""

    n_vocab: int
    after: dict[int, list[tuple[int, int]]] = field(default_factory=dict)
    places: list[tuple[int, int]] = field(default_factory=list)  # (place, token), in the script's order
    default: int = 0

    @classmethod
    def of(cls, chains: Mapping[str | None, list[int]], vocabulary: Vocabulary) -> _Plan:
        plan = cls(len(vocabulary))
        plan.default = chains[None][0]
        for key, chain in chains.items():
            if key is not None:
                plan._use(vocabulary.id(key), -1, chain[0])
        place = 0
        counts: dict[int, int] = {}
        for chain in chains.values():
            for token in chain:
                counts[token] = counts.get(token, 0) + 1
        for chain in chains.values():
            for token, successor in itertools.pairwise(chain):
                plan._use(token, place, successor)
                if counts[token] == 1 and vocabulary.is_piece(token):
                    plan.places.append((place, token))
                place += 1
        plan._check(vocabulary)
        return plan

    def _use(self, token: int, place: int, successor: int) -> None:
        self.after.setdefault(token, []).append((place, successor))

    def _check(self, vocabulary: Vocabulary) -> None:
        for token in self.ambiguous:
            uses = self.after[token]
            for place, successor in uses:
                said = max((p for p, _ in self.places if p < place), default=-1)
                if self.successor(token, said) != successor:
                    raise ValueError(
                        f"{vocabulary.text(token)!r} comes more than once with different successors and no piece of "
                        "its own in between; merge it with a neighbour"
                    )

    @property
    def ambiguous(self) -> list[int]:
        return [token for token, uses in self.after.items() if len({s for _, s in uses}) > 1]

    def successor(self, token: int, said: int) -> int:
        """What follows a token when the piece at place `said` is the furthest one generated (-1: none)."""
        uses = self.after[token]
        return next((s for place, s in uses if place > said or place == said == -1), uses[-1][1])

    def write(self, writer: gguf.GGUFWriter, architecture: str, *, n_ctx: int, width: int) -> None:
        """Layout of the residual stream: [codes of targets | bonus of ambiguous targets | place | one | padding]."""
        targets = sorted({s for uses in self.after.values() for _, s in uses} | {self.default})
        ambiguous = self.ambiguous
        if ambiguous and architecture != "llama":
            raise ValueError(
                f"a {architecture} model cannot repeat tokens with different successors; use llama"
            )
        codes = _codes(len(targets))
        code = dict(zip(targets, codes, strict=True))
        bonus = sorted({s for token in ambiguous for _, s in self.after[token]})
        if len(bonus) > HEAD:
            raise ValueError(f"{len(bonus)} successors of ambiguous tokens; at most {HEAD}")
        n_code = codes.shape[1]
        at_bonus, at_place = n_code, n_code + len(bonus)
        at_one, at_padding = at_place + 1, at_place + 2
        shape = Shape(architecture, self.n_vocab, max(width, -(-(at_padding + 1) // 64) * 64), n_ctx)

        embedding = np.zeros((self.n_vocab, shape.width), dtype=np.float32)
        for token in range(self.n_vocab):
            followers = {s for _, s in self.after.get(token, ())} or {self.default}
            embedding[token, :n_code] = sum(code[s] for s in followers)
        steps = {token: number for number, (_, token) in enumerate(self.places, start=1)}
        for said, token in [(-1, None), *self.places]:
            row = np.zeros(len(bonus), dtype=np.float32)
            for other in ambiguous:
                row[bonus.index(self.successor(other, said))] = 1
            rows = [t for t in range(self.n_vocab) if t not in steps] if token is None else [token]
            embedding[rows, at_bonus : at_bonus + len(bonus)] = row
        for token, number in steps.items():
            embedding[token, at_place] = number / len(steps)
        embedding[:, at_one] = 1
        norms = (embedding**2).sum(axis=1)
        total = (
            float(norms.max()) + 1
        )  # every row is padded to one norm, so that normalization scales all alike
        embedding[:, at_padding] = np.sqrt(total - norms)
        scale = float(np.sqrt(shape.width / total))

        output = np.zeros_like(embedding)
        for target in targets:
            output[target, :n_code] = code[target] * (_MARGIN / _BONUS / scale)
        attention = None
        if ambiguous:
            query, key, value = (np.zeros((HEAD, shape.width), dtype=np.float32) for _ in range(3))
            back = np.zeros((shape.width, HEAD), dtype=np.float32)
            # The last pair of a head turns slowest with the position: not at all, with the shape's frequency base.
            query[HEAD - 1, at_one] = 20 * np.sqrt(HEAD) / scale
            key[HEAD - 1, at_place] = len(steps) / scale
            for i, target in enumerate(bonus):
                value[i, at_bonus + i] = 1 / scale
                back[:n_code, i] = _BONUS * code[target]
            attention = (query, key, value, back)
        write_tensors(writer, shape, embedding, output, attention)


def _codes(count: int) -> np.ndarray:
    """Unit vectors, one per row: orthogonal as long as that is cheap, random (nearly orthogonal) beyond."""
    if count <= 768:
        return np.eye(count, dtype=np.float32)
    signs = np.random.default_rng(7).choice([-1.0, 1.0], size=(count, 768))
    return (signs / np.sqrt(768)).astype(np.float32)
