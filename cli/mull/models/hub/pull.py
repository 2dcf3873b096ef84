"""Download a model by name and verify it: the work of `mull pull`, as a stream of download events.

In: a catalogue name, `owner/repo[:QUANT]` or a file on the Hub, and the quantization and revision asked for. An
installed model is not downloaded again. The catalogue's pinned revision and SHA-256 are enforced as long as the Hub
has them; a renamed file is found by its quantization. Disk space is checked first; Ctrl+C leaves partial files to
resume from.
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
from mull.errors import ExitCode, ModelFileError, MullError
from mull.events import Notice
from mull.fs import paths
from mull.fs.atomic import write_atomic
from mull.fs.size import size_text
from mull.job_events import DownloadProgress, PullDone, PullEvent, PullStarted
from mull.models.catalogue.catalogue import Catalogue, load_catalogue
from mull.models.disk import records
from mull.models.disk.hf_cache import RepositoryFolder, hub_cache
from mull.models.gguf.header import read_header
from mull.models.gguf.kind import other_kind
from mull.models.gguf.magic import check_gguf
from mull.models.hub.client import RetryPolicy, with_retries
from mull.models.hub.download_plan import DownloadPlan, DownloadRequest, choose, parse_request
from mull.models.hub.errors import HubError
from mull.models.hub.listing import Repository, look_up
from mull.models.hub.transfer import DownloadStopped, FileTransfer, ReplacedError
from mull.models.hub.workers import POLL_SECONDS, DownloadPool, wait_for
from mull.models.naming.filenames import as_local, is_safe, part_paths
from mull.models.resolve import find
from mull.models.resolved import NotInstalled, Resolved

if TYPE_CHECKING:
    from mull.models.hub.fit_gate import FitGate

GONE = frozenset({"unknown_revision", "unknown_repository"})  # how servers report a revision they do not have
HEADROOM = 64 << 20  # bytes of disk space to leave free

T = TypeVar("T")
OnRetry = Callable[[float, HubError], None]  # seconds until the next try, and why


def pull(
    name: str,
    control: TurnControl,
    *,
    quant: str | None = None,
    revision: str | None = None,
    again: bool = False,
    folders: Sequence[Path] = (),
    make_gate: Callable[[], FitGate] | None = None,
    retry: RetryPolicy | None = None,
) -> Iterator[PullEvent]:
    """Download one model; the last event is `PullDone`. `again`: ask the Hub even when the model is installed.

    `make_gate` makes the check of whether the model fits this machine; None: everything may be downloaded.
    Raises MullError: unknown_model, ambiguous_quantization, does_not_fit, gated, disk_full, corrupted, interrupted, ….
    """
    began = time.monotonic()
    catalogue = load_catalogue(paths.config_dir())
    request = parse_request(name, quant, revision, catalogue, folders)
    if again and not request.chosen_revision:
        request = replace(request, revision="main")
    ask = again or request.chosen_revision
    here = None if ask else _installed(request, folders, catalogue)
    gate = make_gate() if here is None and make_gate is not None else None
    if gate is not None and (advice := gate.advise(request)):
        request, notice = advice
        yield notice
        here = None if ask else _installed(request, folders, catalogue)
    if here is not None:
        yield _already(here, began)
        return
    retry = retry or RetryPolicy()
    for attempt in (1, 2):
        plan = yield from _look(request, control, retry)
        yield from plan.notices
        if gate is not None:
            yield from _check_fit(plan, request, gate, control, retry)
        try:
            yield from _download(plan, control, retry, began)
        except ReplacedError:
            if attempt == 2 or request.chosen_revision:
                raise
            yield Notice("replaced", "The file was replaced on the Hub; starting over with the new one.")
        else:
            return


def _look(
    request: DownloadRequest, control: TurnControl, retry: RetryPolicy
) -> Generator[PullEvent, None, DownloadPlan]:
    """Ask the Hub and make the plan. The newest revision replaces a pinned one that is gone."""
    notices: list[Notice] = []
    try:
        repository = yield from _ask(request, request.revision, control, retry)
    except HubError as error:
        if error.code not in GONE or request.chosen_revision or request.revision == "main":
            raise
        notices.append(
            Notice(
                "unpinned",
                f"{request.reference.repo} no longer has the catalogue's revision; using the newest one.",
            )
        )
        repository = yield from _ask(request, "main", control, retry)
    files = choose(repository, request)
    pinned = request.pinned
    if pinned and tuple(file.filename for file in files) != pinned.filenames:
        notices.append(
            Notice("renamed", f"{pinned.filenames[0]} was renamed to {files[0].filename} on the Hub.")
        )
    if pinned and pinned.sha256 and len(files) == 1 and files[0].sha256 != pinned.sha256:
        if repository.commit == request.revision:
            raise MullError(
                "pin_mismatch",
                f"The Hub's {files[0].filename} is not the file that the catalogue lists for this revision.",
                "Nothing was downloaded. --revision main gets the Hub's current file.",
            )
        notices.append(
            Notice("changed", f"{files[0].filename} has changed on the Hub since the catalogue was made.")
        )
    return DownloadPlan(request.name, repository, files, tuple(notices))


def _ask(
    request: DownloadRequest, revision: str, control: TurnControl, retry: RetryPolicy
) -> Generator[PullEvent, None, Repository]:
    """The repository's listing."""

    def look(stop: threading.Event, on_retry: OnRetry) -> Repository:
        return look_up(request.reference.repo, revision, retry=retry, stop=stop, on_retry=on_retry)

    return (yield from _with_notices(look, request.name, control))


def _check_fit(
    plan: DownloadPlan, request: DownloadRequest, gate: FitGate, control: TurnControl, retry: RetryPolicy
) -> Generator[PullEvent, None, None]:
    """Raise DoesNotFit before the first byte of a model that does not fit this machine."""
    repository = plan.repository

    def check(stop: threading.Event, on_retry: OnRetry) -> Notice | None:
        work = partial(gate.check, plan, request)
        return with_retries(work, repository.repo, repository.commit, retry, stop, on_retry)

    notice = yield from _with_notices(check, request.name, control)
    if notice is not None:
        yield notice


def _with_notices(
    work: Callable[[threading.Event, OnRetry], T], name: str, control: TurnControl
) -> Generator[PullEvent, None, T]:
    """Ask the Hub in a background thread; a notice reports each retry, and Ctrl+C ends the wait."""
    notices: list[Notice] = []

    def on_retry(seconds: float, error: HubError) -> None:
        notices.append(Notice("retry", f"{error.message} Trying again in {seconds:.0f} s."))

    waiting = wait_for(lambda stop: work(stop, on_retry), control)
    while True:
        try:
            next(waiting)
        except StopIteration as end:
            yield from notices
            result: T = end.value
            return result
        except DownloadStopped:
            raise interrupted(name, 0, 0) from None
        while notices:
            yield notices.pop(0)


def _download(
    plan: DownloadPlan, control: TurnControl, retry: RetryPolicy, began: float
) -> Iterator[PullEvent]:
    """Download the files, some in parallel; ends with `PullDone`."""
    folder = RepositoryFolder.of(plan.repository.repo)
    stop = threading.Event()
    transfers = [FileTransfer(folder, plan.repository.commit, file, stop, retry) for file in plan.files]
    present = sum(transfer.done for transfer in transfers)
    check_space(folder.folder, plan.bytes - present)
    yield PullStarted(plan.name, len(transfers), plan.bytes, present)
    pool = DownloadPool(transfers, stop)
    pool.start()
    try:
        try:
            while pool.busy:
                if control.stopped:
                    raise DownloadStopped
                pool.wait(POLL_SECONDS)
                yield DownloadProgress(pool.done, plan.bytes, pool.doing, pool.files)
        finally:
            pool.stop()
        pool.raise_failure()
    except DownloadStopped:
        raise interrupted(plan.name, pool.on_disk, plan.bytes) from None
    _remember_revision(folder, plan.repository)
    _readme(folder, plan.repository)
    first = transfers[0].link
    check_gguf(first)
    if kind := _other_kind(first):
        yield Notice("not_chat_model", f"{first.name} is {kind}; mull cannot chat with it.")
    else:
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
    """Raises MullError("disk_full") when the disk of `folder` has less free space than `needed` bytes and HEADROOM."""
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
    """The error after Ctrl+C: how much of `total` bytes is on the disk, and how to resume."""
    kept = f"{size_text(done)} of {size_text(total)} are on the disk." if done else "Nothing was downloaded."
    return MullError(
        "interrupted",
        f"Interrupted. {kept}",
        f"mull pull {name} resumes from there." if done else f"mull pull {name} starts over.",
        exit_code=ExitCode.INTERRUPTED,
    )


def _installed(request: DownloadRequest, folders: Sequence[Path], catalogue: Catalogue) -> Resolved | None:
    """The model, if it is installed in exactly the quantization that was asked for."""
    name = request.name
    if request.entry is not None and ":" not in name and request.entry.default_quant:
        name = f"{name}:{request.entry.default_quant}"
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


def _other_kind(path: Path) -> str:
    """What a file is instead of a language model; empty for one, and for a header that mull cannot read."""
    with suppress(ModelFileError):
        return other_kind(read_header(path))
    return ""


def _remember_revision(folder: RepositoryFolder, repository: Repository) -> None:
    """Write refs/main (or another branch), by which other tools find a file offline.

    A pinned commit is written as `main` where there is no such file yet; the next tool that asks the Hub corrects it.
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
    """Download the model card, which `mull show` renders; a failure is ignored."""
    file = repository.file("README.md")
    if file is None or file.bytes > 4 << 20:
        return
    with suppress(MullError, DownloadStopped, OSError):
        FileTransfer(folder, repository.commit, file, threading.Event(), RetryPolicy(tries=1)).run()
