"""Asking the Hub, patiently, and saying in words why it did not answer.

In: a path of its API, or a call that asks it something. Out: the answer, or a `HubError` that says what to do.
What may pass (429, 5xx, timeouts) is tried again, with the pause that the Hub asks for. Everything goes through
huggingface_hub, imported when first needed; HF_TOKEN, HF_ENDPOINT and HF_HUB_OFFLINE are its own.
"""

from __future__ import annotations

import logging
import os
import socket
import threading
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any, TypeVar
from urllib.parse import urlsplit

from mull.errors import MullError

REQUEST_SECONDS = 10.0
LONGEST_WAIT = 300.0  # seconds; a Retry-After beyond this is told instead of waited for
UNREACHABLE = frozenset({"host_not_found", "connection_failed", "connection_timeout"})
_PASSING = frozenset({408, 425, 429, 500, 502, 503, 504})

T = TypeVar("T")


class HubError(MullError):
    """The Hub could not be reached, or refused. `wait`: seconds after which it wants to be asked again."""

    def __init__(
        self, code: str, message: str, hint: str = "", *, passing: bool = False, wait: float | None = None
    ) -> None:
        super().__init__(code, message, hint)
        self.passing = passing
        self.wait = wait


@dataclass(frozen=True, slots=True)
class Backoff:
    """How often and how patiently a passing failure is tried again: `first` seconds, doubling up to `longest`.

    `blind`: how often when the Hub cannot be reached at all and nothing has begun, so that "offline" is said soon.
    """

    tries: int = 5
    blind: int = 2
    first: float = 1.0
    longest: float = 30.0

    def pause(self, failures: int, error: HubError) -> float:
        """Seconds before the next try, after `failures` of them; what the server asks for goes first."""
        if error.wait is not None:
            return error.wait
        return min(self.longest, self.first * float(2 ** (failures - 1)))


def endpoint() -> str:
    """The Hub's address: HF_ENDPOINT, or huggingface_hub's own default. Raises HubError for one that is no address.

    The library is told on the way to send no telemetry, which includes asking which program calls it, and to be quiet.
    """
    if (chosen := os.environ.get("HF_ENDPOINT")) and not _is_address(chosen):
        raise HubError(
            "invalid_endpoint",
            f'HF_ENDPOINT is "{chosen}", which is no address.',
            "It is something like https://huggingface.co; unset, it is that.",
        )
    from huggingface_hub import constants

    constants.HF_HUB_DISABLE_TELEMETRY = True
    logging.getLogger("huggingface_hub").setLevel(logging.ERROR)

    return (chosen or constants.ENDPOINT).rstrip("/")


def _is_address(text: str) -> bool:
    try:
        parts = urlsplit(text)
        return (
            parts.scheme in {"http", "https"} and bool(parts.hostname) and parts.port != 0 and " " not in text
        )
    except ValueError:
        return False


def get(path: str, **parameters: str | list[str]) -> Any:
    """The Hub's answer to one GET: `path` below the endpoint, or the whole address of a further page.

    Raises what huggingface_hub raises, for `explain`. The library's own calls would retry with messages on the screen.
    """
    from huggingface_hub import constants, get_session
    from huggingface_hub.errors import OfflineModeIsEnabled
    from huggingface_hub.utils import build_hf_headers, hf_raise_for_status  # type: ignore[attr-defined]

    if constants.is_offline_mode():
        raise OfflineModeIsEnabled("HF_HUB_OFFLINE is set")
    address = f"{endpoint()}{path}" if path.startswith("/") else path
    headers = build_hf_headers(library_name="mull")
    answer = get_session().get(address, params=parameters or None, headers=headers, timeout=REQUEST_SECONDS)
    hf_raise_for_status(answer)
    return answer


def persist(
    ask: Callable[[], T],
    repo: str,
    revision: str,
    backoff: Backoff,
    stop: threading.Event,
    on_wait: Callable[[float, HubError], None],
) -> T:
    """Call until it succeeds, fails for good, or has failed in passing too often."""
    failures = 0
    while True:
        try:
            return ask()
        except Exception as error:
            failure = explain(error, repo, revision)
            if failure is None:
                raise
            failures += 1
            tries = backoff.blind if failure.code in UNREACHABLE else backoff.tries
            if not failure.passing or failures >= tries or (failure.wait or 0) > LONGEST_WAIT:
                raise failure from error
        pause = backoff.pause(failures, failure)
        on_wait(pause, failure)
        if stop.wait(pause):
            raise failure


def explain(error: Exception, repo: str, revision: str = "main", *, listed: bool = False) -> HubError | None:
    """What happened and what to do, for everything huggingface_hub and its HTTP client raise; None for a bug.

    `listed`: the Hub has just shown the repository, so that a refusal is about its files: they are gated.
    """
    from huggingface_hub import errors

    if isinstance(error, HubError):
        return error
    hub = endpoint()
    if isinstance(error, errors.OfflineModeIsEnabled):
        return HubError(
            "offline_mode", "HF_HUB_OFFLINE is set: nothing is downloaded.", "Unset it to reach the Hub."
        )
    if isinstance(error, errors.HFValidationError):
        return HubError(
            "invalid_repository", f'"{repo}" cannot be a repository on the Hub.', "It is owner/name."
        )
    if isinstance(error, errors.GatedRepoError):
        return _gated(repo, hub)
    if isinstance(error, errors.RevisionNotFoundError):
        return HubError(
            "unknown_revision",
            f'{repo} has no revision "{revision}".',
            f"See {hub}/{repo}/tree/main for what it has.",
        )
    if isinstance(
        error, errors.LocalEntryNotFoundError
    ):  # huggingface_hub's word for a Hub that does not answer
        cause = error.__cause__
        told = explain(cause, repo, revision, listed=listed) if isinstance(cause, Exception) else None
        return told or _unreachable(error, hub)
    if isinstance(error, errors.EntryNotFoundError):
        return HubError(
            "remote_file_missing", f"The file is no longer in {repo}.", f"See {hub}/{repo}/tree/main."
        )
    if isinstance(error, errors.HfHubHTTPError):
        return _refused(error.response.status_code, dict(error.response.headers), repo, hub, listed=listed)
    if isinstance(
        error, errors.HfHubHTTPError.__bases__[0]
    ):  # the HTTP client's own base: httpx, or its successor
        return _unreachable(error, hub)
    if isinstance(error, ValueError | KeyError | TypeError):  # JSON that is none, or has another shape
        return HubError(
            "unexpected_response",
            f"{hub} does not answer like the Hub.",
            "A proxy or a login page may be in between; HF_ENDPOINT sets the address.",
        )
    return None


def _gated(repo: str, hub: str) -> HubError:
    from huggingface_hub import get_token

    hint = f"Accept it at {hub}/{repo}, then set HF_TOKEN to a token from {hub}/settings/tokens."
    if get_token():
        rights = "the token needs the right to read gated repositories"
        hint = f"Accept it at {hub}/{repo} with the account of your token; {rights}."
    return HubError("gated_repository", f"{repo} is gated: its makers want a licence accepted first.", hint)


def _refused(status: int, headers: dict[str, str], repo: str, hub: str, *, listed: bool) -> HubError:
    headers = {name.lower(): value for name, value in headers.items()}
    if status == 401 and "credentials" in headers.get("x-error-message", "").lower():
        return HubError(
            "invalid_token",
            "The Hub does not accept your token.",
            f"Make a new one at {hub}/settings/tokens, or unset HF_TOKEN: open models need none.",
        )
    if listed and status in {401, 403}:
        return _gated(repo, hub)
    if status in {401, 404}:
        return HubError(
            "unknown_repository",
            f"There is no repository {repo} on the Hub, or it is private.",
            "Check the spelling; for a private one set HF_TOKEN.",
        )
    if status == 403:
        return HubError(
            "access_denied",
            f"The Hub refuses access to {repo}.",
            f"See {hub}/{repo}; it may want a licence accepted, or a token with more rights in HF_TOKEN.",
        )
    wait = _retry_after(headers.get("retry-after"))
    if status == 429:
        later = f"in {wait:.0f} seconds" if wait else "later"
        return HubError(
            "rate_limited",
            "The Hub wants fewer requests from here.",
            f"Try again {later}; a token in HF_TOKEN raises the limit.",
            passing=True,
            wait=wait,
        )
    return HubError(
        "hub_error",
        f"The Hub failed (HTTP {status}).",
        "Try again later; what was downloaded is kept.",
        passing=status in _PASSING,
        wait=wait,
    )


def _unreachable(error: Exception, hub: str) -> HubError:
    causes: list[BaseException] = [error]
    while (cause := causes[-1].__cause__ or causes[-1].__context__) is not None and cause not in causes:
        causes.append(cause)
    host = hub.rsplit("://", maxsplit=1)[-1].split("/", maxsplit=1)[0]
    hint = "Check the network; what was downloaded is kept, and the same command goes on from there."
    if any(isinstance(cause, socket.gaierror) for cause in causes):
        return HubError("host_not_found", f"The address of {host} cannot be found.", hint, passing=True)
    if "Timeout" in type(error).__name__:
        return HubError("connection_timeout", f"{host} does not answer.", hint, passing=True)
    if type(error).__name__ in {"RemoteProtocolError", "ReadError"}:
        return HubError("connection_lost", f"The connection to {host} was cut.", hint, passing=True)
    return HubError("connection_failed", f"There is no connection to {host}.", hint, passing=True)


def _retry_after(value: str | None) -> float | None:
    """Seconds, from either form that the header may have."""
    if value is None:
        return None
    if value.strip().isdigit():
        return float(value)
    import time
    from email.utils import parsedate_to_datetime

    try:
        return max(0.0, parsedate_to_datetime(value).timestamp() - time.time())
    except (TypeError, ValueError):
        return None
