"""What huggingface_hub and its HTTP client raise, as errors that say what to do.

In: an exception, or the status and the headers of a response. Out: a HubError.
"""

from __future__ import annotations

import socket

from mull.models.hub.endpoint import endpoint, without_password
from mull.models.hub.errors import HubError

UNREACHABLE = frozenset({"host_not_found", "connection_failed", "connection_timeout"})
_TRANSIENT = frozenset({408, 425, 429, 500, 502, 503, 504})


def explain(error: Exception, repo: str, revision: str = "main", *, listed: bool = False) -> HubError | None:
    """The HubError for whatever huggingface_hub and its HTTP client raise; None for anything else.

    `listed`: the Hub has just listed the repository, so that a refusal concerns its files: they are gated.
    """
    from huggingface_hub import errors

    if isinstance(error, HubError):
        return error
    hub = without_password(endpoint())
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
