"""The flags of `mull eval`: what is asked, of which models, how often, and where the answers go."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from mull.commands._argument_checks import reads_file
from mull.commands._options import Json, TurnFlags
from mull.dataclass import dataclass
from mull.settings import MAX_PARALLEL

_ASKED = "Questions"
MOST_REPEATS = 1000
MOST_QUESTIONS = 1_000_000  # that --limit and --sample take

File = Annotated[
    Path | None,
    typer.Argument(
        metavar="[FILE]",
        callback=reads_file,
        help='JSON Lines: {"prompt": "…", "answer": …} each, "kind" optional. Unset: forty small questions. '
        "With --resume: the run.",
        show_default=False,
    ),
]
Suites = Annotated[
    str | None,
    typer.Option(
        "--suite",
        metavar="NAME,…",
        help="Suites of questions that come with mull, separated by commas; all: every one.",
        rich_help_panel=_ASKED,
        show_default=False,
    ),
]
Limit = Annotated[
    int | None,
    typer.Option(
        "--limit",
        metavar="N",
        min=1,
        max=MOST_QUESTIONS,
        help="At most N questions of each suite or file, spread over it.",
        rich_help_panel=_ASKED,
        show_default=False,
    ),
]
Models = Annotated[
    str | None,
    typer.Option(
        "--models",
        metavar="NAME,…",
        help="Several models in place of -m, separated by commas.",
        rich_help_panel="Model and context",
        show_default=False,
    ),
]
Modes = Annotated[
    str,
    typer.Option(
        "--modes",
        metavar="LIST",
        help="Ways to think, separated by commas: off, on, low, medium, high, default.",
        rich_help_panel="Thinking",
    ),
]
Repeat = Annotated[
    int,
    typer.Option(
        "--repeat",
        metavar="N",
        min=1,
        max=MOST_REPEATS,
        help="Ask every question N times, each time with another seed.",
        rich_help_panel=_ASKED,
    ),
]
Parallel = Annotated[
    int | None,
    typer.Option(
        "--parallel",
        metavar="N",
        min=1,
        max=MAX_PARALLEL,
        help="Number of questions to decode in parallel. Unset: the fastest here.",
    ),
]
ResumeRun = Annotated[
    bool,
    typer.Option(
        "--resume",
        help="Ask what an earlier run has not finished: the last one, or the one named in place of FILE.",
        rich_help_panel=_ASKED,
    ),
]
Out = Annotated[
    Path | None,
    typer.Option(
        "--out",
        metavar="DIR",
        help="The folder for the run's answers. Unset: one below mull's own.",
        rich_help_panel="Output",
        show_default=False,
    ),
]
AllowCode = Annotated[
    bool,
    typer.Option(
        "--allow-code",
        help="Run a model's code where this system cannot isolate it.",
        rich_help_panel=_ASKED,
    ),
]
Report = Annotated[
    Path | None,
    typer.Option(
        "--report",
        metavar="FILE",
        help="Write a report to this .html file, or the plot alone to an .svg or .png.",
        rich_help_panel="Output",
        show_default=False,
    ),
]
Card = Annotated[
    Path | None,
    typer.Option(
        "--card",
        metavar="FILE",
        help="Write a card to this .md or .html file: the results, and what another needs to repeat them.",
        rich_help_panel="Output",
        show_default=False,
    ),
]
RepeatCard = Annotated[
    Path | None,
    typer.Option(
        "--repeat-card",
        metavar="FILE",
        help="Ask again what a card (.md) says, and say what differs.",
        rich_help_panel=_ASKED,
        show_default=False,
    ),
]
Against = Annotated[
    str | None,
    typer.Option(
        "--against",
        metavar="BASE",
        help="Also ask the model's base, and say what differs: accuracy, refusals, thinking, tokens.",
        rich_help_panel="Model and context",
        show_default=False,
    ),
]
Wrong = Annotated[
    bool, typer.Option("--wrong", help="Also list the wrong answers.", rich_help_panel="Output")
]

Sample = Annotated[
    int | None,
    typer.Option(
        "--sample",
        metavar="N",
        min=0,
        max=MOST_QUESTIONS,
        help="Show N replies of the safety suite for reading. Unset: 6 on a terminal and in JSON.",
        rich_help_panel="Output",
        show_default=False,
    ),
]


@dataclass(frozen=True, slots=True)
class EvalFlags(TurnFlags):
    """The flags of `eval`. Those in `SHOWN` say what is done with the answers; the others, which answers there are."""

    suite: Suites = None
    limit: Limit = None
    models: Models = None
    against: Against = None
    modes: Modes = "off,on"
    repeat: Repeat = 1
    parallel: Parallel = None
    resume_run: ResumeRun = False
    repeat_card: RepeatCard = None
    out: Out = None
    report: Report = None
    card: Card = None
    allow_code: AllowCode = False
    wrong: Wrong = False
    sample: Sample = None
    json: Json = False


OUTPUT = frozenset({"report", "card", "wrong", "sample", "json", "quiet"})
"""What a call prints and writes: of a run that is resumed or repeated, what this call says."""
SHOWN = OUTPUT | {"resume_run", "allow_code", "parallel", "file"}
"""What may be given with --resume: it changes no answer."""
