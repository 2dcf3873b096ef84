"""Fifty questions, greedy answers to them, and where an answer could as well have gone another way.

Equal models compute equal logits up to rounding. Activations are quantized to 8 bits between the layers, so the last
bit of a number, which a batch, another kernel or another CPU changes, may change a log probability by some tenths.
Where two tokens are nearly equally likely (`TIE`), rounding decides between them, and two answers may part there.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass

from mull.backends.base import ChatBackend
from mull.control import TurnControl
from mull.events import Done, TokenChance
from mull.messages import Message
from mull.settings import Sampling, TurnSettings

GREEDY = Sampling(temperature=0.0)
TIE = 1.0
"""Difference of two log probabilities below which rounding may decide between their tokens. Measured between one
sequence and 16 in a batch, 750 tokens: a log probability differs by 0.07 in the median, 0.7 at most."""
TOKENS = 16  # of an answer
QUESTIONS = (
    "What is photosynthesis?",
    "What is the largest planet in our solar system?",
    "Which planet is known as the Red Planet?",
    "What is the chemical formula of water?",
    "What is H2O?",
    "Who wrote Romeo and Juliet?",
    "Who painted the Mona Lisa?",
    "What is the opposite of hot?",
    "How many days are in a week?",
    "How many legs does a spider have?",
    "What color is the sky on a clear day?",
    "What is the boiling point of water in Celsius?",
    "What gas do plants absorb from the air?",
    "What is the capital of Germany?",
    "What is the capital of Japan?",
    "What is the capital of Italy?",
    "What is the capital of Spain?",
    "What is the capital of England?",
    "What is the currency of the United Kingdom?",
    "Who was the first president of the United States?",
    "What is the largest ocean on Earth?",
    "What is the speed of light?",
    "What force pulls objects toward the Earth?",
    "Who developed the theory of relativity?",
    "What is the tallest mountain in the world?",
    "What organ pumps blood through the body?",
    "What language is spoken in Brazil?",
    "What is the longest river in Africa?",
    "Name the four seasons.",
    "What are the primary colors?",
    "What is the closest star to Earth?",
    "What is a baby dog called?",
    "What do bees make?",
    "What is the freezing point of water?",
    "What is the chemical symbol for gold?",
    "What is 2 + 2?",
    "Which animal is the largest mammal?",
    "Who discovered gravity?",
    "Who invented the telephone?",
    "What is DNA?",
    "What is the powerhouse of the cell?",
    "What is the main ingredient of bread?",
    "Where is the Eiffel Tower?",
    "What is the name of Earth's natural satellite?",
    "What is Python in computing?",
    "What does CPU stand for?",
    "What does HTML stand for?",
    "What is an atom?",
    'Translate "hello" to Spanish.',
    "What is a triangle?",
)
FACTS = {
    "How many days are in a week?": "7",
    "What is the boiling point of water in Celsius?": "100",
    "What is the capital of Germany?": "Berlin",
    "What is the capital of Japan?": "Tokyo",
    "What is the capital of England?": "London",
    "What is the largest ocean on Earth?": "Pacific",
    "What is the longest river in Africa?": "Nile",
    "What is the chemical symbol for gold?": "Au",
    "What is 2 + 2?": "4",
    "What is the main ingredient of bread?": "flour",
    "Where is the Eiffel Tower?": "Paris",
    "What is the name of Earth's natural satellite?": "Moon",
}
"""What it knows, each by a clear margin: no token on the way is nearly as likely as another."""


@dataclass(frozen=True, slots=True)
class Answer:
    """A greedy answer with its tokens, each with the two likeliest ones."""

    text: str
    tokens: tuple[TokenChance, ...]

    def lead(self, other: str) -> float | None:
        """Where another answer differs for the first time: by how much the token there was likelier than the next.

        In log probability; None for an equal answer, infinite where one text ends and the other does not. Where the
        other goes on in the middle of a word, it may have parted one token earlier (" a" begins " attributed", too).
        """
        data, common, before = other.encode(), b"", math.inf
        for token in self.tokens:
            lead = token.top[0].logprob - token.top[1].logprob
            if not data.startswith(common + token.data):
                in_a_word = token.data.startswith(b" ") and not data[len(common) :].startswith(b" ")
                return min(before, lead) if in_a_word else lead
            common, before = common + token.data, lead
        return None if data == common else math.inf


def ask(backend: ChatBackend, question: str | Sequence[Message], **settings: object) -> Done:
    """One turn, greedy and of `TOKENS` tokens unless the settings say otherwise."""
    messages = [Message("user", question)] if isinstance(question, str) else question
    chosen = {"sampling": GREEDY, "max_tokens": TOKENS, **settings}
    *_, done = backend.stream(messages, TurnSettings(**chosen), TurnControl())  # type: ignore[arg-type]
    assert isinstance(done, Done)
    return done


def greedy(backend: ChatBackend, question: str, tokens: int = TOKENS) -> Answer:
    """The greedy answer with its tokens."""
    done = ask(backend, question, max_tokens=tokens, logprobs=2)
    assert done.logprobs is not None
    return Answer(done.answer, done.logprobs)
