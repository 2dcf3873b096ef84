"""Completion in bash, zsh, fish and PowerShell: the answer to a press of Tab, and setting it up.

In: the words of an unfinished command line. Out: one candidate a line, with its description after a tab. Both are
untrusted: titles of sessions and names of files come from others. A candidate with a character that cannot be printed
is left out. zsh and fish quote what they insert; bash and PowerShell insert it as it is, so they get it quoted.
Nothing is written on an error, because the shell takes every line for a candidate.
"""

from __future__ import annotations

import os
import re
import shlex
import subprocess
import sys
from collections.abc import Callable, Iterable, Iterator, Sequence
from pathlib import Path
from typing import Any, NamedTuple

import typer

from mull.commands._completion_scripts import SCRIPTS, script
from mull.errors import MullError
from mull.terminal.console.sanitize import one_line, visible

VARIABLE = "_MULL_COMPLETE"
"""The scripts set it to the name of the shell. The scripts of Typer, which mull had before, say `complete_zsh` …"""

_Base: Any = vars(typer.completion)["shell_completion"].ShellComplete  # Click's, wherever this Typer keeps it
_BREAKS = re.compile("[:=@]+")  # bash makes a word of these, see COMP_WORDBREAKS
_HARMLESS = re.compile(
    "[A-Za-z0-9_./+-]+"
)  # the same to every shell, quoted or not, also when it is evaluated


class Candidate(NamedTuple):
    """`value` replaces the word at the cursor."""

    value: str
    help: str


class _Completer(_Base):  # type: ignore[misc] # the class is not in Typer's public types
    """Click's search for what completes a word, without its formats."""

    name = "mull"
    source_template = ""

    def source_vars(self) -> dict[str, Any]:
        return {}

    def get_completion_args(self) -> tuple[list[str], str]:
        return [], ""

    def format_completion(self, item: Any) -> str:
        return str(item.value)


def answer(command: Callable[[], Any], words: Sequence[str]) -> int:
    """Write what completes the words to stdout, as the variable asks for it; returns a process exit code."""
    shell = os.environ[VARIABLE]
    try:
        lines = list(_ANSWERS[shell](command(), words))
        sys.stdout.buffer.write("".join(f"{line}\n" for line in lines).encode())
        sys.stdout.buffer.flush()
    except Exception:  # noqa: BLE001 - whatever it is, a shell that waits for names is the wrong place to report it
        return 1
    return 0


def candidates(command: Any, words: Sequence[str]) -> list[Candidate]:
    """What completes the last of the words, which follow the program's name."""
    before, word = list(words[:-1]), words[-1] if words else ""
    own = ""
    if word.startswith("--") and "=" in word and "--" not in before:
        name, _, word = word.partition("=")
        before, own = [*before, name], f"{name}="
    found = _Completer(command, {}, "mull", VARIABLE).get_completions(before, word)
    return [
        Candidate(own + value, "".join(filter(str.isprintable, one_line(item.help or ""))))
        for item in found
        if (value := str(item.value)) and value.isprintable()
    ]


# One function for each shell: from the words to the lines


def _plain(command: Any, words: Sequence[str]) -> Iterator[str]:
    for value, about in candidates(command, words):
        yield f"{value}\t{about}"


def _fish(command: Any, words: Sequence[str]) -> Iterator[str]:
    """Fish hands out the word at the cursor as it was typed, and does not quote a `~` at the beginning."""
    lines = _plain(command, [*words[:-1], unquoted(words[-1]) if words else ""])
    return (line for line in lines if not line.startswith("~"))


def _bash(command: Any, words: Sequence[str]) -> Iterator[str]:
    """Bash hands out all words as they were typed, and breaks them at `:`, `=` and `@`."""
    typed = list(words) or [""]
    last = "" if _BREAKS.fullmatch(typed[-1]) else typed[-1]
    quote = last[:1] if last[:1] in {"'", '"'} else ""
    if re.search(r"(?<!\\)['\"]", last.removeprefix(quote)):
        return  # quoted in the middle of the word
    joined = [unquoted(word) for word in _rejoined(typed)]
    fixed = joined[-1][: len(joined[-1]) - len(unquoted(last))]
    fixed = "" if fixed == "@" else fixed  # at the beginning of a word, bash replaces the @, too
    for value, _ in candidates(command, joined):
        if not value.lower().startswith(fixed.lower()):
            continue
        text = value[len(fixed) :]
        if quote == "'" and "'" not in text:
            yield text
        elif quote == '"' and "!" not in text:  # a backslash before it would stay in the word
            yield re.sub(r'(["$\\`])', r"\\\1", text)
        elif not quote:
            yield re.sub(r"([ !\"#$&'()*;<>?\[\\\]^`{|}~])", r"\\\1", text)


def _powershell(command: Any, _: Sequence[str]) -> Iterator[str]:
    typed, word = os.environ.get("_MULL_LINE", ""), os.environ.get("_MULL_WORD", "")
    words = _split(typed.removesuffix(word), escape="")[1:]
    for value, about in candidates(command, [*words, unquoted(word, escape="")]):
        if '"' in value:  # older PowerShells break such a word on its way to a program
            continue
        # It takes typographic quotes for quotes.
        text = value if _HARMLESS.fullmatch(value) else "'" + re.sub("(['‘’‚‛])", r"\1\1", value) + "'"
        yield f"{text}\t{value}\t{about or value}"


# The scripts that Typer made evaluate or split what they get: only names that are harmless even so.


def _old_words() -> list[str]:
    line = os.environ.get("_TYPER_COMPLETE_ARGS", "")
    words = _split(line)[1:]
    return [*words, ""] if not words or line.endswith(" ") else words


def _old(command: Any, words: Sequence[str]) -> list[str]:
    return [value for value, _ in candidates(command, words) if _HARMLESS.fullmatch(value)]


def _old_bash(command: Any, _: Sequence[str]) -> list[str]:
    words = _split(os.environ["COMP_WORDS"])
    position = int(os.environ["COMP_CWORD"])
    return _old(command, [*words[1:position], words[position] if position < len(words) else ""])


def _old_zsh(command: Any, _: Sequence[str]) -> list[str]:
    found = " ".join(f'"{value}"' for value in _old(command, _old_words()))
    return [f"_arguments '*: :(({found}))'" if found else "_files"]


def _old_fish(command: Any, _: Sequence[str]) -> list[str]:
    found = _old(command, _old_words())
    if os.environ.get("_TYPER_COMPLETE_FISH_ACTION") != "is-args":
        return found
    if not found:
        raise LookupError  # the exit code is all that the script looks at
    return []


def _old_powershell(command: Any, _: Sequence[str]) -> list[str]:
    words = _old_words()
    word = os.environ.get("_TYPER_COMPLETE_WORD_TO_COMPLETE", "")
    words = [*words[:-1], word] if word else words if words[-1] == "" else [*words, ""]
    return [f"{value}::: " for value in _old(command, words)]


_ANSWERS: dict[str, Callable[[Any, Sequence[str]], Iterable[str]]] = {
    "bash": _bash,
    "zsh": _plain,
    "fish": _fish,
    "powershell": _powershell,
    "complete_bash": _old_bash,
    "complete_zsh": _old_zsh,
    "complete_fish": _old_fish,
    "complete_powershell": _old_powershell,
    "complete_pwsh": _old_powershell,
}


def _split(line: str, escape: str = "\\") -> list[str]:
    """Like `shlex.split`; a quote that is still open ends with the line."""
    lexer = shlex.shlex(line, posix=True)
    lexer.whitespace_split, lexer.commenters, lexer.escape = True, "", escape
    words: list[str] = []
    try:
        words.extend(lexer)
    except ValueError:
        words.append(lexer.token)
    return words


def unquoted(word: str, escape: str = "\\") -> str:
    """A word as the program would get it, also one whose quote is still open."""
    return next(iter(_split(word, escape)), "")


def _rejoined(words: Sequence[str]) -> list[str]:
    """Bash's words with those together that it broke apart."""
    joined: list[str] = []
    glue = False
    for word in words:
        breaks = bool(_BREAKS.fullmatch(word))
        begins = word.startswith("@") and bool(joined) and joined[-1].startswith("-")  # `-m @office`
        if joined and (glue or (breaks and not begins)):
            joined[-1] += word
        else:
            joined.append(word)
        glue = breaks
    return joined


# Setting it up


def show() -> None:
    """`--show-completion`: write the script of the current shell to stdout. Raises MullError, typer.Exit."""
    typer.echo(script(_current_shell()), nl=False)
    raise typer.Exit


def install() -> None:
    """`--install-completion`: write the current shell's script where it finds it. Raises MullError, OSError,
    typer.Exit."""
    shell = _current_shell()
    path = visible(str(_install(shell)))
    typer.echo(f"{shell} completion installed in {path}")
    typer.echo("Completion will take effect once you restart the terminal")
    raise typer.Exit


def _current_shell() -> str:
    import shellingham

    try:
        shell = str(shellingham.detect_shell()[0])
    except (shellingham.ShellDetectionFailure, OSError):
        shell = ""
    if shell not in SCRIPTS:
        name = visible(shell) or "this shell"
        raise MullError(
            "unknown_shell",
            f"mull has no completion for {name}.",
            "Run it in bash, zsh, fish or PowerShell, as the shell's own child.",
        )
    return shell


def _install(shell: str) -> Path:
    home, text = Path.home(), script(shell)
    if shell == "bash":
        path = _written(home / ".bash_completions" / "mull.sh", text)
        _with_line(home / ".bashrc", f"source {shlex.quote(str(path))}")
    elif shell == "zsh":
        path = _written(home / ".zfunc" / "_mull", text)
        _with_line(home / ".zshrc", "fpath+=~/.zfunc; autoload -Uz compinit; compinit")
        _with_line(home / ".zshrc", "zstyle ':completion:*' menu select", unless="zstyle")
    elif shell == "fish":
        path = _written(home / ".config" / "fish" / "completions" / "mull.fish", text)
    else:
        asked = [shell, "-NoProfile", "-Command", "echo $profile"]
        profile = subprocess.run(asked, check=True, capture_output=True, text=True).stdout.strip()
        path = _written(Path(profile).parent / "mull.ps1", text)
        quoted = str(path).replace("'", "''")
        _with_line(Path(profile), f". '{quoted}'")
    return path


def _written(path: Path, text: str) -> Path:
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(text, encoding="utf-8")
    return path


def _with_line(path: Path, line: str, unless: str = "") -> None:
    """Append a line to a file that does not have it, or `unless`."""
    present = path.read_text(encoding="utf-8", errors="replace") if path.is_file() else ""
    if (unless or line) not in present:
        with path.open("a", encoding="utf-8") as file:
            file.write(f"{'' if not present or present.endswith(chr(10)) else chr(10)}{line}\n")
