"""What huggingface_hub and its HTTP client raise, as errors that say what to do.

In: an exception. Out: a HubError; which host, proxy or variable is at fault is part of its message.
"""

from __future__ import annotations

from mull.models.hub.connection import lost_connection, proxy_refused
from mull.models.hub.endpoint import endpoint
from mull.models.hub.environment import offline
from mull.models.hub.errors import HubError
from mull.models.hub.refusals import gated, refused
from mull.network.proxies import without_password


def explain(error: Exception, repo: str, revision: str = "main", *, listed: bool = False) -> HubError | None:
    """The HubError for whatever huggingface_hub and its HTTP client raise; None for anything else.

    `listed`: the Hub has just listed the repository, so that a refusal concerns its files: they are gated.
    """
    if isinstance(error, HubError):
        return error
    hub = without_password(endpoint())
    from huggingface_hub import errors

    if isinstance(error, errors.OfflineModeIsEnabled):
        return HubError(
            "offline_mode",
            f"{offline() or 'HF_HUB_OFFLINE'} is set, so nothing is downloaded.",
            "Unset it to reach the Hub.",
        )
    if isinstance(error, errors.HFValidationError):
        return HubError(
            "invalid_repository", f'"{repo}" is not a valid repository name.', "The form is owner/name."
        )
    if isinstance(error, errors.GatedRepoError):
        return gated(repo, hub, error.response.headers)
    if isinstance(error, errors.RevisionNotFoundError):
        return HubError(
            "unknown_revision",
            f'{repo} has no revision "{revision}".',
            f"See {hub}/{repo}/tree/main for what it has.",
        )
    if isinstance(error, errors.LocalEntryNotFoundError):  # also raised when the Hub does not answer
        cause = error.__cause__
        explained = explain(cause, repo, revision, listed=listed) if isinstance(cause, Exception) else None
        return explained or lost_connection(error, hub)
    if isinstance(error, errors.EntryNotFoundError):
        return HubError(
            "remote_file_missing", f"The file is no longer in {repo}.", f"See {hub}/{repo}/tree/main."
        )
    if isinstance(error, errors.HfHubHTTPError):
        return refused(error.response, repo, hub, listed=listed)
    if isinstance(error, errors.HfHubHTTPError.__bases__[0]):  # the HTTP client's own base: httpx2, or httpx
        return lost_connection(error, hub)
    if type(error).__module__.partition(".")[0] == "socksio":  # what answers there is no SOCKS proxy
        return proxy_refused(hub, "it does not answer like a SOCKS proxy")
    if type(error).__name__ == "InvalidURL":
        return HubError(
            "invalid_endpoint",
            f'HF_ENDPOINT is "{hub}", which is not a web address.',
            "Set it to an address like https://huggingface.co, or unset it.",
        )
    if isinstance(error, ValueError | KeyError | TypeError):  # not JSON, or JSON of another structure
        return HubError(
            "unexpected_response",
            f"{hub} does not respond like the Hub.",
            "A proxy or a login page may be in between; HF_ENDPOINT sets the address.",
        )
    return None
