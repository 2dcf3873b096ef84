"""What a model's name was found to be: a file on this disk, or a model of an endpoint.

`resolve.py` makes it. Raises UsageError (no_model_file) where a file is needed and there is none.
"""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Literal

from mull.dataclass import dataclass
from mull.endpoints.address import Address
from mull.errors import MullError, UsageError
from mull.models.disk.discover import Source
from mull.models.hub.environment import offline
from mull.models.naming.filenames import quantization
from mull.settings import Sampling

if TYPE_CHECKING:
    from mull.models.catalogue.entry import CatalogueEntry

ChosenBy = Literal["flag", "env", "config", "last_pulled", "builtin"]
GREEDY = Sampling(temperature=0.0)  # pebble does arithmetic, where random sampling only does harm


class NotInstalled(MullError):
    """A model that is not on this disk. `pull`: the argument for `mull pull`; `bytes`: its download, if known."""

    def __init__(self, name: str, pull: str, bytes: int | None = None) -> None:  # noqa: A002
        variable = offline()
        how = f"{variable} is set; unset it, then" if variable else "Get it with"
        super().__init__("not_installed", f"{name} is not installed.", f"{how}: mull pull {pull}")
        self.pull = pull
        self.bytes = bytes


@dataclass(frozen=True, slots=True)
class Resolved:
    """A model to load. `trusted`: verified against a published digest, unchanged since. `source`: whose file it is.

    `source` "other": no file that llama.cpp runs. Another backend answers, and `path` is what it reads, if anything.
    `address`: the model is one of an endpoint, which answers; its source is "other".
    """

    name: str
    path: Path
    chosen_by: ChosenBy
    trusted: bool
    entry: CatalogueEntry | None
    source: Source | Literal["builtin", "file", "other"]
    address: Address | None = None

    @property
    def reference(self) -> str:
        """What `-m` takes to get it again, from any folder."""
        return str(self.path.absolute()) if self.source == "file" else self.name

    @property
    def file(self) -> Path:
        """The model's file, for what needs one. Raises UsageError (no_model_file) where there is none."""
        if self.address is not None:
            raise no_file(self.address)
        if self.source == "other":
            raise UsageError(
                "no_model_file",
                f"{self.name} is not a model file.",
                "mull ask, chat, batch and eval take it; this needs a GGUF file.",
            )
        return self.path

    @property
    def names(self) -> tuple[str, ...]:
        """What a table `[models."NAME"]` of the config may call it, the most general name first."""
        if self.address is not None:
            return (f"@{self.address.endpoint.name}", str(self.address))
        bare, _, tag = self.name.rpartition(":")
        bare = bare if bare and quantization(f"-{tag}.gguf") else self.name
        quant = quantization(self.path.name)
        general = [self.entry.name] if self.entry is not None else []
        exact = [f"{name}:{quant}" for name in (*general, bare)] if quant else []
        return tuple(dict.fromkeys([*general, bare, *exact, self.name, str(self.path.absolute())]))

    @property
    def vouched(self) -> bool:
        """Whether mull's authors answer for its chat template: pebble, or a verified file that the catalogue lists.

        What anybody may publish on the Hub is not vouched for by a matching digest.
        """
        return self.source == "builtin" or (self.trusted and self.entry is not None)

    @property
    def can_think(self) -> bool | None:
        """Whether the model can think, if that is known without reading its file."""
        if self.source == "builtin":
            return True
        return self.entry.reasoning.kind != "none" if self.entry is not None else None

    def sampling(self, thinking: bool | None) -> Sampling:
        """The sampling defaults with or without thinking: from the catalogue, else from the file's header.

        `thinking` None: the model's default.
        """
        if self.source == "builtin":
            return GREEDY  # without loading the catalogue: a tenth of the time to its answer
        if self.source == "other":
            return Sampling()
        if self.entry is None:
            return self._of_file()
        facts = self.entry.reasoning
        thinks = thinking if thinking is not None else facts.kind != "none" and facts.default != "off"
        if facts.kind == "always":
            thinks = True
        first, second = self.entry.sampling_thinking, self.entry.sampling_plain
        return (first or second if thinks else second or first) or self._of_file()

    def _of_file(self) -> Sampling:
        from mull.models.gguf.sampling_defaults import file_sampling_defaults  # imports the reader of headers

        return file_sampling_defaults(self.path)


def no_file(address: Address) -> UsageError:
    """The error for a model of an endpoint where a file is needed."""
    return UsageError(
        "no_model_file",
        f"{address} is a model of an endpoint: there is no file of it here.",
        f"mull ask, chat, batch, eval and bench take it; mull show {address} shows what the server says of it.",
    )
