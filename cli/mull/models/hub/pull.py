"""A name → a verified model on the disk, told as a stream of `transfers` values.

In: a catalogue name, `owner/repo[:QUANT]` or a file on the Hub, and wishes (quantization, revision). What is installed
is never fetched again. The catalogue's pinned revision and SHA-256 are held to where they still exist; a file that was
renamed is found by its quantization. Disk space is checked before the first byte, and Ctrl+C keeps what arrived.
"""

from __future__ import annotations

import shutil
import threading
import time
from collections.abc import Callable, Generator, Iterator, Sequence
from contextlib import suppress
from dataclasses import replace
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING, TypeVar

from mull.control import TurnControl
from mull.errors import ExitCode, MullError
from mull.events import DownloadProgress, Notice, PullDone, PullEvent, PullStarted
from mull.fs import paths
from mull.fs.atomic import write_atomic
from mull.fs.size import size_text
from mull.models.catalogue.catalogue import Catalogue, load_catalogue
from mull.models.disk import records
from mull.models.disk.hf_cache import RepositoryFolder, hub_cache
from mull.models.hub.client import Backoff, HubError, persist
from mull.models.hub.download_plan import DownloadPlan, Wish, choose, parse_wish
from mull.models.hub.listing import Repository, look_up
from mull.models.hub.transfer import FileTransfer, Replaced, Stopped
from mull.models.hub.workers import TICK, DownloadPool, apart
from mull.models.naming.filenames import as_local, is_safe, part_paths
from mull.models.resolve import NotInstalled, Resolved, check_gguf, find

if TYPE_CHECKING:
    from mull.models.hub.fit_gate import FitGate

GONE = frozenset(
    {"unknown_revision", "unknown_repository"}
)  # what servers say of a revision that they do not have
HEADROOM = 64 << 20  # bytes of the disk to leave free

T = TypeVar("T")
Told = Callable[[float, HubError], None]


def pull(
    name: str,
    control: TurnControl,
    *,
    quant: str | None = None,
    revision: str | None = None,
    again: bool = False,
    folders: Sequence[Path] = (),
    admission: Callable[[], FitGate] | None = None,
    backoff: Backoff | None = None,
) -> Iterator[PullEvent]:
    """Pull one model; the last value is `PullDone`. `again`: ask the Hub even when it is installed.

    `admission` makes the gate that refuses what this machine cannot hold; without one, everything may come.
    Raises MullError: unknown_model, ambiguous_quantization, does_not_fit, gated, disk_full, corrupted, interrupted, ….
    """
    began = time.monotonic()
    catalogue = load_catalogue(paths.config_dir())
    wish = parse_wish(name, quant, revision, catalogue, folders)
    if again and not wish.chosen_revision:
        wish = replace(wish, revision="main")
    ask = again or wish.chosen_revision
    here = None if ask else _installed(wish, folders, catalogue)
    gate = admission() if here is None and admission is not None else None
    if gate is not None and (advice := gate.advise(wish)):
        wish, notice = advice
        yield notice
        here = None if ask else _installed(wish, folders, catalogue)
    if here is not None:
        yield _already(here, began)
        return
    backoff = backoff or Backoff()
    for attempt in (1, 2):
        plan = yield from _look(wish, control, backoff)
        yield from plan.notices
        if gate is not None:
            yield from _admit(plan, wish, gate, control, backoff)
        try:
            yield from _download(plan, control, backoff, began)
        except Replaced:
            if attempt == 2 or wish.chosen_revision:
                raise
            yield Notice("replaced", "The file was replaced on the Hub; starting again with the new one.")
        else:
            return


def _look(wish: Wish, control: TurnControl, backoff: Backoff) -> Generator[PullEvent, None, DownloadPlan]:
    """Ask the Hub and make the plan. A pinned revision that is gone gives way to the newest one."""
    notices: list[Notice] = []
    try:
        repository = yield from _ask(wish, wish.revision, control, backoff)
    except HubError as error:
        if error.code not in GONE or wish.chosen_revision or wish.revision == "main":
            raise
        notices.append(
            Notice("unpinned", f"The revision in the catalogue is gone from {wish.reference.repo}.")
        )
        repository = yield from _ask(wish, "main", control, backoff)
    files = choose(repository, wish)
    pinned = wish.pinned
    if pinned and tuple(file.filename for file in files) != pinned.filenames:
        notices.append(
            Notice("renamed", f"{pinned.filenames[0]} is now called {files[0].filename} on the Hub.")
        )
    if pinned and pinned.sha256 and len(files) == 1 and files[0].sha256 != pinned.sha256:
        if repository.commit == wish.revision:
            raise MullError(
                "pin_mismatch",
                f"The Hub's {files[0].filename} is not the file that the catalogue knows at this revision.",
                "Nothing was downloaded. --revision main takes what the Hub has now.",
            )
        notices.append(
            Notice("changed", f"{files[0].filename} has changed on the Hub since the catalogue was made.")
        )
    return DownloadPlan(wish.name, repository, files, tuple(notices))


def _ask(
    wish: Wish, revision: str, control: TurnControl, backoff: Backoff
) -> Generator[PullEvent, None, Repository]:
    """The repository's listing."""

    def look(stop: threading.Event, told: Told) -> Repository:
        return look_up(wish.reference.repo, revision, backoff=backoff, stop=stop, on_wait=told)

    return (yield from _patiently(look, wish.name, control))


def _admit(
    plan: DownloadPlan, wish: Wish, gate: FitGate, control: TurnControl, backoff: Backoff
) -> Generator[PullEvent, None, None]:
    """Let the machine's limits speak before the first byte."""
    repository = plan.repository

    def judge(stop: threading.Event, told: Told) -> Notice | None:
        check = partial(gate.check, plan, wish)
        return persist(check, repository.repo, repository.commit, backoff, stop, told)

    notice = yield from _patiently(judge, wish.name, control)
    if notice is not None:
        yield notice


def _patiently(
    work: Callable[[threading.Event, Told], T], name: str, control: TurnControl
) -> Generator[PullEvent, None, T]:
    """Ask the Hub apart from the main thread; its pauses are told, and Ctrl+C ends them."""
    waits: list[Notice] = []

    def told(seconds: float, error: HubError) -> None:
        waits.append(Notice("retry", f"{error.message} Trying again in {seconds:.0f} s."))

    asking = apart(lambda stop: work(stop, told), control)
    while True:
        try:
            next(asking)
        except StopIteration as end:
            yield from waits
            result: T = end.value
            return result
        except Stopped:
            raise interrupted(name, 0, 0) from None
        while waits:
            yield waits.pop(0)


def _download(
    plan: DownloadPlan, control: TurnControl, backoff: Backoff, began: float
) -> Iterator[PullEvent]:
    """Fetch the files, a few at a time; ends with `PullDone`."""
    folder = RepositoryFolder.of(plan.repository.repo)
    stop = threading.Event()
    transfers = [FileTransfer(folder, plan.repository.commit, file, stop, backoff) for file in plan.files]
    present = sum(transfer.done for transfer in transfers)
    check_space(folder.folder, plan.bytes - present)
    yield PullStarted(plan.name, len(transfers), plan.bytes, present)
    crew = DownloadPool(transfers, stop)
    crew.start()
    try:
        while crew.busy:
            if control.stopped:
                raise Stopped
            crew.wait(TICK)
            yield DownloadProgress(crew.done, plan.bytes, crew.doing)
        crew.raise_failure()
    except Stopped:
        crew.end()
        raise interrupted(plan.name, crew.kept, plan.bytes) from None
    finally:
        crew.end()
    _remember_revision(folder, plan.repository)
    _readme(folder, plan.repository)
    first = transfers[0].link
    check_gguf(first)
    records.record_pulled(plan.name, first)
    yield PullDone(
        model=plan.name,
        path=first,
        bytes=plan.bytes,
        fetched=sum(transfer.fetched for transfer in transfers),
        seconds=time.monotonic() - began,
        verified=True,
        sha256=tuple(file.sha256 or "" for file in plan.files),
        already=all(transfer.fetched == 0 for transfer in transfers),
    )


def check_space(folder: Path, needed: int) -> None:
    """Raises MullError("disk_full") when the disk that will hold `folder` has too little room."""
    place = folder
    while not place.exists() and place != place.parent:
        place = place.parent
    with suppress(OSError):
        free = shutil.disk_usage(place).free
        if needed > 0 and needed + HEADROOM > free:
            raise MullError(
                "disk_full",
                f"The download needs {size_text(needed + HEADROOM)}; {hub_cache()} has {size_text(free)} free.",
                "Make room (mull rm frees it), choose a smaller --quant, or set HF_HOME to another disk.",
            )


def interrupted(name: str, done: int, total: int) -> MullError:
    """Ctrl+C: what is kept and how to go on."""
    kept = f"{size_text(done)} of {size_text(total)} are kept." if done else "Nothing was downloaded."
    return MullError(
        "interrupted",
        f"Interrupted. {kept}",
        f"mull pull {name} goes on from there." if done else f"mull pull {name} starts again.",
        exit_code=ExitCode.INTERRUPTED,
    )


def _installed(wish: Wish, folders: Sequence[Path], catalogue: Catalogue) -> Resolved | None:
    """The model, if it is on this disk in exactly the quantization that is wished for."""
    name = wish.name
    if wish.entry is not None and ":" not in name and wish.entry.default_quant:
        name = f"{name}:{wish.entry.default_quant}"
    with suppress(NotInstalled):
        return find(name, folders=folders, catalogue=catalogue)
    return None


def _already(here: Resolved, began: float) -> PullDone:
    records.record_pulled(here.name, here.path)
    return PullDone(
        model=here.name,
        path=here.path,
        bytes=sum(part.stat().st_size for part in part_paths(here.path)),
        fetched=0,
        seconds=time.monotonic() - began,
        verified=here.trusted,
        already=True,
        source=here.source,
    )


def _remember_revision(folder: RepositoryFolder, repository: Repository) -> None:
    """refs/main and its like, by which other tools find a file offline.

    A pinned commit stands for `main` where nobody has asked what that means: the next tool that does will write it.
    """
    pinned = repository.revision == repository.commit
    name = "main" if pinned else repository.revision
    if not is_safe(name) or (pinned and folder.commit_of(name)):
        return
    with suppress(OSError):
        ref = folder.folder / "refs" / as_local(name)
        ref.parent.mkdir(parents=True, exist_ok=True)
        write_atomic(ref, repository.commit, mode=None)


def _readme(folder: RepositoryFolder, repository: Repository) -> None:
    """The card, which `mull show` renders; the model is complete without it."""
    file = repository.file("README.md")
    if file is None or file.bytes > 4 << 20:
        return
    with suppress(MullError, Stopped, OSError):
        FileTransfer(folder, repository.commit, file, threading.Event(), Backoff(tries=1)).run()
