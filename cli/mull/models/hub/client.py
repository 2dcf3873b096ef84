"""Requests to the Hugging Face Hub, with retries, and its failures as errors that say what to do.

In: a path of its API, or a call that asks it something. Out: the answer. Raises HubError. Transient failures (429, 5xx,
timeouts) are retried after the pause that the Hub asks for. Everything goes through huggingface_hub, imported when
first needed, which reads HF_TOKEN, HF_ENDPOINT and HF_HUB_OFFLINE. Only the origin of the endpoint gets the token.
"""

from __future__ import annotations

import logging
import os
import re
import socket
import threading
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any, TypeVar
from urllib.parse import urlsplit

from mull.errors import MullError
from mull.models.hub.answer import ENCODINGS, whole

REQUEST_SECONDS = 10.0
LONGEST_WAIT = 300.0  # seconds; a longer Retry-After is reported instead of waited for
UNREACHABLE = frozenset({"host_not_found", "connection_failed", "connection_timeout"})
_TRANSIENT = frozenset({408, 425, 429, 500, 502, 503, 504})

T = TypeVar("T")


class HubError(MullError):
    """The Hub could not be reached, or refused.

    `transient`: a retry may succeed. `wait`: seconds until the next request, if the Hub asked for a pause.
    """

    def __init__(
        self, code: str, message: str, hint: str = "", *, transient: bool = False, wait: float | None = None
    ) -> None:
        super().__init__(code, message, hint)
        self.transient = transient
        self.wait = wait


@dataclass(frozen=True, slots=True)
class RetryPolicy:
    """Exponential backoff after transient failures: pauses from `first` seconds, doubling up to `longest`.

    `tries`: requests in all, the first included. `unreachable_tries`: the same while the Hub cannot be reached at all,
    fewer, so that a user who is offline learns it soon.
    """

    tries: int = 5
    unreachable_tries: int = 2
    first: float = 1.0
    longest: float = 30.0

    def pause(self, failures: int, error: HubError) -> float:
        """Seconds before the next try, after `failures` of them; the server's own Retry-After takes precedence."""
        if error.wait is not None:
            return error.wait
        return min(self.longest, self.first * float(2 ** (failures - 1)))


def endpoint() -> str:
    """The Hub's address: HF_ENDPOINT, or huggingface_hub's default. Raises HubError for an invalid one.

    Also turns off huggingface_hub's telemetry, which includes looking up which program calls it, and its messages.
    """
    if (chosen := os.environ.get("HF_ENDPOINT")) and not _is_address(chosen):
        raise HubError(
            "invalid_endpoint",
            f'HF_ENDPOINT is "{_without_password(chosen)}", which is not a web address.',
            "Set it to an address like https://huggingface.co, or unset it.",
        )
    from huggingface_hub import constants

    constants.HF_HUB_DISABLE_TELEMETRY = True
    logging.getLogger("huggingface_hub").setLevel(logging.ERROR)

    return (chosen or constants.ENDPOINT).rstrip("/")


def _is_address(text: str) -> bool:
    try:
        parts = urlsplit(text)
        return (
            parts.scheme in {"http", "https"}
            and bool(parts.hostname)
            and parts.port != 0
            and not set(text) & set(" \\?#")
        )
    except ValueError:
        return False


def _without_password(address: str) -> str:
    """The address for a message: user name and password of HF_ENDPOINT are not shown."""
    return re.sub(r"(?<=//)[^/]*@", "", address)


def session() -> Any:
    """The HTTP client of huggingface_hub, which sends the token to the Hub only, redirects included.

    Call it before any function of huggingface_hub that sends requests: they share this client.
    """
    from huggingface_hub import get_session

    client = get_session()
    hooks = client.event_hooks
    if _withhold_token not in hooks["request"]:
        client.event_hooks = {**hooks, "request": [*hooks["request"], _withhold_token]}
    return client


def is_hub(url: Any) -> bool:
    """Whether this URL of the HTTP client has the endpoint's origin: the same scheme, host and port.

    Also for the same host's https where the endpoint is http, each at its default port: an upgrade loses nothing.
    Both addresses are parsed by the client that connects to them, so that no two parsers can disagree.
    """
    hub, here = _origin(type(url)(endpoint())), _origin(url)
    return here == hub or (hub[0], hub[2], *here) == ("http", 80, "https", hub[1], 443)


def _origin(url: Any) -> tuple[str, bytes, int | None]:
    return url.scheme, url.raw_host, url.port or {"http": 80, "https": 443}.get(url.scheme)


def _withhold_token(request: Any) -> None:
    """Called by the client before each request, also before each one that follows a redirect."""
    if not is_hub(request.url):
        request.headers.pop("authorization", None)


def get(path: str, **parameters: str | list[str]) -> Any:
    """The Hub's response to one GET: `path` below the endpoint, or the full address of a further page on the Hub.

    Raises what huggingface_hub raises, for `explain`. Its own API calls are not used: they print messages on retries.
    """
    hub = endpoint()  # before huggingface_hub is imported, which fails halfway for an endpoint that is none
    from huggingface_hub import constants
    from huggingface_hub.errors import OfflineModeIsEnabled
    from huggingface_hub.utils import build_hf_headers, hf_raise_for_status  # type: ignore[attr-defined]

    if constants.is_offline_mode():
        raise OfflineModeIsEnabled("HF_HUB_OFFLINE is set")
    address = f"{hub}{path}" if path.startswith("/") else path
    headers = {**build_hf_headers(library_name="mull"), **ENCODINGS}
    request = {"params": parameters or None, "headers": headers, "timeout": REQUEST_SECONDS}
    with session().stream("GET", address, **request) as response:
        answer = whole(response)
    hf_raise_for_status(answer)
    return answer


def with_retries(
    ask: Callable[[], T],
    repo: str,
    revision: str,
    retry: RetryPolicy,
    stop: threading.Event,
    on_retry: Callable[[float, HubError], None],
) -> T:
    """Call until it succeeds, fails for good, or has had too many transient failures. Raises HubError.

    `on_retry` gets the seconds until the next try and the failure; `stop` ends the wait.
    """
    failures = 0
    while True:
        try:
            return ask()
        except Exception as error:
            failure = explain(error, repo, revision)
            if failure is None:
                raise
            failures += 1
            tries = retry.unreachable_tries if failure.code in UNREACHABLE else retry.tries
            if not failure.transient or failures >= tries or (failure.wait or 0) > LONGEST_WAIT:
                raise failure from error
        pause = retry.pause(failures, failure)
        on_retry(pause, failure)
        if stop.wait(pause):
            raise failure


def explain(error: Exception, repo: str, revision: str = "main", *, listed: bool = False) -> HubError | None:
    """The HubError for whatever huggingface_hub and its HTTP client raise; None for anything else.

    `listed`: the Hub has just listed the repository, so that a refusal concerns its files: they are gated.
    """
    from huggingface_hub import errors

    if isinstance(error, HubError):
        return error
    hub = _without_password(endpoint())
    if isinstance(error, errors.OfflineModeIsEnabled):
        return HubError(
            "offline_mode", "HF_HUB_OFFLINE is set, so nothing is downloaded.", "Unset it to reach the Hub."
        )
    if isinstance(error, errors.HFValidationError):
        return HubError(
            "invalid_repository", f'"{repo}" is not a valid repository name.', "The form is owner/name."
        )
    if isinstance(error, errors.GatedRepoError):
        return _gated(repo, hub)
    if isinstance(error, errors.RevisionNotFoundError):
        return HubError(
            "unknown_revision",
            f'{repo} has no revision "{revision}".',
            f"See {hub}/{repo}/tree/main for what it has.",
        )
    if isinstance(error, errors.LocalEntryNotFoundError):  # also raised when the Hub does not answer
        cause = error.__cause__
        explained = explain(cause, repo, revision, listed=listed) if isinstance(cause, Exception) else None
        return explained or _unreachable(error, hub)
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
    if isinstance(error, ValueError | KeyError | TypeError):  # not JSON, or JSON of another structure
        return HubError(
            "unexpected_response",
            f"{hub} does not respond like the Hub.",
            "A proxy or a login page may be in between; HF_ENDPOINT sets the address.",
        )
    return None


def _gated(repo: str, hub: str) -> HubError:
    from huggingface_hub import get_token

    hint = f"Accept it at {hub}/{repo}, then set HF_TOKEN to a token from {hub}/settings/tokens."
    if get_token():
        rights = "the token needs permission to read gated repositories"
        hint = f"Accept it at {hub}/{repo} with your token's account; {rights}."
    return HubError("gated_repository", f"{repo} is gated: you have to accept its licence first.", hint)


def _refused(status: int, headers: dict[str, str], repo: str, hub: str, *, listed: bool) -> HubError:
    headers = {name.lower(): value for name, value in headers.items()}
    if status == 401 and "credentials" in headers.get("x-error-message", "").lower():
        return HubError(
            "invalid_token",
            "The Hub rejects your token.",
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
            f"See {hub}/{repo}; you may have to accept a licence, or set HF_TOKEN to a token with more permissions.",
        )
    wait = _retry_after(headers.get("retry-after"))
    if status == 429:
        later = f"in {wait:.0f} seconds" if wait else "later"
        return HubError(
            "rate_limited",
            "The Hub limits the rate of requests from here.",
            f"Try again {later}; a token in HF_TOKEN raises the limit.",
            transient=True,
            wait=wait,
        )
    return HubError(
        "hub_error",
        f"The Hub failed (HTTP {status}).",
        "Try again later; a partial download will be resumed.",
        transient=status in _TRANSIENT,
        wait=wait,
    )


def _unreachable(error: Exception, hub: str) -> HubError:
    causes: list[BaseException] = [error]
    while (cause := causes[-1].__cause__ or causes[-1].__context__) is not None and cause not in causes:
        causes.append(cause)
    host = hub.rsplit("://", maxsplit=1)[-1].split("/", maxsplit=1)[0]
    hint = "Check the network and run the same command again; a partial download is resumed."
    if any(isinstance(cause, socket.gaierror) for cause in causes):
        return HubError("host_not_found", f"The host {host} was not found (DNS).", hint, transient=True)
    if "Timeout" in type(error).__name__:
        return HubError("connection_timeout", f"{host} does not respond.", hint, transient=True)
    if type(error).__name__ in {"RemoteProtocolError", "ReadError"}:
        return HubError("connection_lost", f"The connection to {host} was lost.", hint, transient=True)
    return HubError("connection_failed", f"Cannot connect to {host}.", hint, transient=True)


def _retry_after(value: str | None) -> float | None:
    """Seconds, from either form of the header: a number, or a date."""
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
