"""One prompt template: a TOML file with text and settings, no code.

In: a path. Out: a `PromptTemplate` whose texts are filled with the input and named values. Raises UsageError,
MullError (invalid_prompt_template) that names what is wrong. (Chat templates of models are in `chat_template/`.)
"""

from __future__ import annotations

import string
from collections.abc import Mapping
from dataclasses import field
from pathlib import Path
from typing import Any

from mull import config
from mull.config.project import SETTABLE
from mull.dataclass import dataclass
from mull.errors import MullError, UsageError
from mull.fs.text import read_utf8, reason
from mull.fs.toml_text import line_of, loads
from mull.suggest import nearest

SUFFIX = ".toml"
_LONGEST = 1 << 20  # bytes of a file
INPUT = "input"
SETTINGS = SETTABLE - {"system"}  # which is a text of the template, not one of its settings


@dataclass(frozen=True, slots=True)
class PromptTemplate:
    """One template. `schema`: as for `--schema`, with an absolute path, or an inline JSON Schema."""

    name: str
    path: Path
    description: str = ""
    system: str | None = None
    prompt: str | None = None
    defaults: Mapping[str, str] = field(default_factory=dict)
    settings: Mapping[str, Any] = field(default_factory=dict)
    stop: tuple[str, ...] = ()
    schema: str | Mapping[str, Any] | None = None

    @property
    def variables(self) -> tuple[str, ...]:
        """The names of the variables in its texts except `input`, in order."""
        texts = (self.system or "", self.prompt or "")
        found = [name for text in texts for name in string.Template(text).get_identifiers()]
        return tuple(dict.fromkeys(name for name in found if name != INPUT))

    @property
    def takes_input(self) -> bool:
        """Whether its prompt contains `$input`; otherwise the input is put before the prompt."""
        return self.prompt is not None and INPUT in string.Template(self.prompt).get_identifiers()

    def values(self, given: Mapping[str, str]) -> dict[str, str]:
        """The values of all variables. Raises UsageError for one that is missing or unknown."""
        if unused := [name for name in given if name not in self.variables]:
            known = ", ".join(self.variables) or "none"
            raise UsageError(
                "prompt_template_value",
                f'"{self.name}" has no value named "{unused[0]}".',
                f"Its variables: {known}.",
            )
        values = {**self.defaults, **given}
        if missing := [name for name in self.variables if name not in values]:
            raise UsageError(
                "prompt_template_value",
                f'"{self.name}" needs a value for "{missing[0]}".',
                f"Give it: -p {missing[0]}=…",
            )
        return values

    def question(self, text: str, values: Mapping[str, str]) -> str:
        """The prompt with `text` as its input: what would be asked without a template, perhaps nothing."""
        filled = string.Template(self.prompt or "").substitute(values, input=text)
        parts = [filled] if self.takes_input else [text, filled]
        return "\n\n".join(part.strip("\r\n") for part in parts if part.strip())


def read(path: Path) -> PromptTemplate:
    """Read and check one file. Raises MullError (invalid_prompt_template) that names what is wrong."""
    try:
        text = read_utf8(path, most=_LONGEST)
        values = loads(text)
    except FileNotFoundError as error:
        raise MullError(
            "unknown_prompt_template", f"There is no template {path}.", "Check the path."
        ) from error
    except (OSError, ValueError, RecursionError) as error:  # a TOMLDecodeError is a ValueError
        raise _invalid(path, f"cannot be read: {reason(error)}") from error
    try:
        return PromptTemplate(name=path.stem, path=path, **_checked(path, text, values))
    except ValueError as error:
        raise _invalid(path, str(error)) from error


def _checked(path: Path, text: str, values: Mapping[str, Any]) -> dict[str, Any]:
    """The file's keys as fields. Raises ValueError with a predicate that follows "The template NAME"."""
    wanted: dict[str, type | tuple[type, ...]] = {
        "description": str,
        "system": str,
        "prompt": str,
        "defaults": dict,
        "settings": dict,
        "schema": (str, dict),
    }
    for name, value in values.items():
        if name not in wanted:
            near = nearest(name, wanted)
            raise ValueError(f'has an unknown key "{name}"' + (f" (did you mean {near[0]}?)" if near else ""))
        if not isinstance(value, wanted[name]):
            kind = "a table" if wanted[name] is dict else "text"
            raise ValueError(f'expects {kind} for "{name}"')  # noqa: TRY004 - the file is wrong, not the program
    for name in ("system", "prompt"):
        if name in values and not string.Template(values[name]).is_valid():
            raise ValueError(f"has a $ in its {name} that starts no variable; write $$ for a dollar sign")
    if INPUT in string.Template(values.get("system", "")).get_identifiers():
        raise ValueError("has $input in its system prompt; the input belongs in the prompt")
    checked = dict(values)
    checked["defaults"] = {name: str(value) for name, value in values.get("defaults", {}).items()}
    settings = dict(values.get("settings", {}))
    stop = settings.pop("stop", ())
    checked["stop"] = (stop,) if isinstance(stop, str) else tuple(map(str, stop))
    for name in settings:
        if name not in SETTINGS:
            raise ValueError(f'has a setting "{name}" that a template cannot set')
    checked["settings"] = {name: _setting(text, name, value) for name, value in settings.items()}
    if isinstance(schema := values.get("schema"), str) and (beside := path.parent / schema).is_file():
        checked["schema"] = str(beside)
    return checked


def _setting(text: str, name: str, value: Any) -> Any:
    try:
        return config.check(name, value)
    except ValueError as error:
        line = line_of(text, name, "settings")
        raise ValueError(f"{error} (line {line})" if line else str(error)) from error


def _invalid(path: Path, what: str) -> MullError:
    return MullError(
        "invalid_prompt_template", f"The template {path.stem} {what}.", f"Correct the file: {path}"
    )
