"""Requests to the Hugging Face Hub, with retries, and its failures as errors that say what to do.

In: a path of its API, or a call that asks it something. Out: the answer. Raises HubError. Transient failures (429, 5xx,
timeouts) are retried after the pause that the Hub asks for. Everything goes through huggingface_hub, imported when
first needed, which reads HF_TOKEN, HF_ENDPOINT and HF_HUB_OFFLINE. Only the origin of the endpoint gets the token.
"""

from __future__ import annotations

import threading
from collections.abc import Callable
from typing import Any, TypeVar

from mull.dataclass import dataclass
from mull.models.hub.answer import ENCODINGS, whole
from mull.models.hub.connection import UNREACHABLE, no_client
from mull.models.hub.endpoint import endpoint, is_hub
from mull.models.hub.environment import check_headers, seconds, token_unreadable
from mull.models.hub.errors import HubError
from mull.models.hub.failures import explain

REQUEST_SECONDS = 10.0
LONGEST_WAIT = 300.0  # seconds; a longer Retry-After is reported instead of waited for

T = TypeVar("T")


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


def session() -> Any:
    """The HTTP client of huggingface_hub, which sends the token to the Hub only, redirects included.

    Call it before any function of huggingface_hub that sends requests: they share this client. Raises HubError.
    """
    from huggingface_hub import get_session

    try:
        client = get_session()
    except Exception as error:
        raise no_client(error) from error
    hooks = client.event_hooks
    if _withhold_token not in hooks["request"]:
        client.event_hooks = {**hooks, "request": [*hooks["request"], _withhold_token]}
    return client


def headers() -> dict[str, str]:
    """The headers of every request: who asks, and the user's token. Raises HubError for a token that cannot be one."""
    from huggingface_hub.utils import build_hf_headers  # type: ignore[attr-defined] # exported, lazily

    try:
        made: dict[str, str] = build_hf_headers(library_name="mull")
    except OSError as failure:
        raise token_unreadable(failure) from failure
    check_headers(made)
    return made


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
    from huggingface_hub.utils import hf_raise_for_status  # type: ignore[attr-defined]

    if constants.is_offline_mode():
        raise OfflineModeIsEnabled("HF_HUB_OFFLINE is set")
    address = f"{hub}{path}" if path.startswith("/") else path
    timeout = seconds("HF_HUB_ETAG_TIMEOUT", REQUEST_SECONDS)
    request = {"params": parameters or None, "headers": {**headers(), **ENCODINGS}, "timeout": timeout}
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
            if failure is not error:
                failure.__cause__ = error
            failures += 1
            tries = retry.unreachable_tries if failure.code in UNREACHABLE else retry.tries
            if not failure.transient or failures >= tries or (failure.wait or 0) > LONGEST_WAIT:
                raise failure  # noqa: B904 - it has its cause, or is it
        pause = retry.pause(failures, failure)
        on_retry(pause, failure)
        if stop.wait(pause):
            raise failure
