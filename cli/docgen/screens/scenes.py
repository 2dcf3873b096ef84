"""The table of pictures: what is run, what is typed, how large the screen is. Only data; `play` runs it.

docs/screens.md is made of it, so importing it needs nothing of the tests.
"""

from __future__ import annotations

from dataclasses import dataclass

THEMES = ("dark", "light")
BLANK = r"Ask a question"  # the placeholder: the prompt waits
READY = r"> Ask a question(.*\n)+(?!.*loading).+\Z"  # in the last line, the bar: the model is loaded
DONE = r"\d s · \d+ tokens · [^\n]*tokens/s(.*\n)*> " + BLANK  # the footer of a turn, and the prompt
THOUGHTS = "\x0f"  # Ctrl+O


@dataclass(frozen=True, slots=True)
class Scene:
    """One picture in each of `widths`, dark and light.

    `command`: the arguments of mull, `{script}` for the model that plays a script. `steps`: what is typed, and a
    regular expression for the screen that it leads to; with the first one nothing is typed. `pace`: seconds for a
    token.
    """

    name: str
    about: str
    command: str
    steps: tuple[tuple[str, str], ...]
    rows: int = 24
    widths: tuple[int, ...] = (80,)
    pace: float = 0.0

    @property
    def files(self) -> list[tuple[str, int, str]]:
        """File name, columns and theme of each picture."""
        return [
            (f"{self.name}-{columns}-{theme}.svg", columns, theme)
            for columns in self.widths
            for theme in THEMES
        ]


CHAT = "chat -m {script}"
QUESTION = "How do I find duplicate files?"
WIDTHS = (80, 120, 40)

SCENES = (
    Scene("start", "The first start, with pebble", "chat", (("", READY),), rows=20, widths=WIDTHS),
    Scene(
        "thinking",
        "While it thinks: the newest lines, and what the keys do",
        CHAT,
        (("", READY), (QUESTION + "\r", r"Thinking · [3-9]\.\d s")),
        widths=WIDTHS,
        pace=0.04,
    ),
    Scene(
        "answer",
        "A question with its thinking folded, and the answer",
        "chat",
        (("", READY), ("How many r's are in strawberry?\r", DONE)),
        rows=26,
    ),
    Scene(
        "markdown",
        "An answer in Markdown: a table, a list, code",
        CHAT,
        (("", READY), (QUESTION + "\r", DONE)),
        rows=44,
        widths=WIDTHS,
        pace=0.02,
    ),
    Scene(
        "thoughts",
        "Ctrl+O at the prompt: the thinking of the last turn",
        CHAT,
        (("", READY), (QUESTION + "\r", DONE), (THOUGHTS, r"Ctrl\+O closes")),
        rows=30,
        pace=0.02,
    ),
    Scene("menu", "A slash opens the menu of commands", "chat", (("", READY), ("/", "/help"))),
    Scene("filter", "Letters in their order are enough", "chat", (("", READY), ("/mo", "/model"))),
    Scene(
        "picker",
        "/model: every model, filtered by what is typed",
        "chat",
        (("", READY), ("/model\r", "type to filter"), ("q3", r"· \d+ of \d+")),
        rows=34,
    ),
    Scene(
        "open",
        "/open: the conversations",
        "chat",
        (("", READY), ("/open\r", "type to filter")),
        rows=28,
    ),
    Scene("keys", "A question mark on an empty line: the keys", "chat", (("", READY), ("?", "Tab .*answer"))),
    Scene("help", "/help", "chat", (("", READY), ("/help\r", r"/quit(.*\n)*> " + BLANK)), rows=34),
    Scene(
        "models",
        "mull models: what this machine runs",
        "models",
        (("", "Recommended for this machine"),),
        rows=80,
        widths=WIDTHS,
    ),
    Scene("show", "mull show: one model's card", "show qwen3-8b", (("", "This machine(.*\n)*.*needs"),), 40),
    Scene("doctor", "mull doctor: the machine, the build, the self-check", "doctor", (("", "Model files"),)),
    Scene("list", "mull list: what is installed", "list", (("", "Recommended"),), 10),
    Scene("config", "mull config: the settings and what they do", "config", (("", "system(.*\n)*"),), 60),
    Scene("eval", "mull eval: what thinking is worth", "eval -m pebble", (("", r"on +\d+/40"),), 16),
    Scene("bench", "mull bench: speed on this machine", "bench -m pebble --depth 0", (("", "tg64"),), 12),
    Scene("sessions", "mull sessions: the conversations", "sessions", (("", "Title(.*\n){5}"),), 10),
    Scene(
        "cache", "mull cache: the prompts that are not processed again", "cache", (("", "of at most"),), 10
    ),
    Scene("pull", "mull pull: several files at once", "pull example/duet-8b-GGUF", (("", "[4-6]\\d%"),), 10),
    Scene("error", "An error: what is wrong, and what to do", "-m qwen3-8 hello", (("", "Error"),), 8),
)

PROMPT = r"\$$"  # the shell's
COMMIT = "diff -u old.py new.py | mull --no-reason 'Write a commit message'"
RECORDING = (
    ("mull\r", READY, 1.4),
    (QUESTION + "\r", r"Thinking · [1-9]\.\d s", 0.0),
    (THOUGHTS, r"Thinking · ([2-9]|1\.[6-9])", 0.0),
    (THOUGHTS, r"Thinking · ([4-9]|3\.[3-9])", 0.0),
    (THOUGHTS, DONE, 2.5),
    ("/quit\r", PROMPT, 0.6),
    ("clear\r", PROMPT, 0.2),
    (COMMIT + "\r", r"program\.\n" + PROMPT, 0.5),
)
"""A session in a shell: what is typed, the screen that it leads to, and seconds to look at that."""
