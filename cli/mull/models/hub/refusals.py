"""Responses that refuse: of the Hub, of the server that stores its files, of what is in between.

In: a response of the HTTP client. Out: a HubError by the meaning of its status. The Hub redirects each download to a
file server by a link that expires; a refusal there says nothing about licences. What the Hub itself says of a refusal
(X-Error-Message) is shown.
"""

from __future__ import annotations

import math
import re
from collections.abc import Mapping
from http import HTTPStatus
from typing import Any

from mull.models.hub.connection import netloc, proxy_refused
from mull.models.hub.endpoint import is_hub
from mull.models.hub.errors import HubError
from mull.models.hub.proxy import proxy_of

LINK_REFUSED = "file_server_refused"
"""The code of a refusal that a fresh link of the Hub may cure."""
_TRANSIENT = frozenset({408, 425, 429, 500, 502, 503, 504, *range(520, 528), 529, 530})
_CLOUDFLARE = frozenset({*range(520, 528), 530})
_LATER = "Try again later; a partial download will be resumed."
_LONGEST_MESSAGE = 200  # characters of a server's own words


def gated(repo: str, hub: str, headers: Mapping[str, str]) -> HubError:
    """The HubError for a repository whose licence has to be accepted."""
    from huggingface_hub import get_token

    hint = f"Accept it at {hub}/{repo}, then set HF_TOKEN to a token from {hub}/settings/tokens."
    if get_token():
        rights = "the token needs permission to read gated repositories"
        hint = f"Accept it at {hub}/{repo} with your token's account; {rights}."
    message = f"{repo} is gated: you have to accept its licence first"
    return HubError("gated_repository", f"{message}{_own_words(headers)}.", hint)


def refused(response: Any, repo: str, hub: str, *, listed: bool) -> HubError:
    """The HubError for a response with an error's status. `listed`: the Hub has just listed the repository."""
    status, headers = response.status_code, response.headers
    if status in {407, 451, 511}:
        return _in_between(response, repo, hub)
    if from_file_server(response):
        return _file_server(response, repo)
    said = _own_words(headers)
    if status == 401 and "credentials" in headers.get("x-error-message", "").lower():
        return HubError(
            "invalid_token",
            "The Hub rejects your token.",
            f"Make a new one at {hub}/settings/tokens, or unset HF_TOKEN: open models need none.",
        )
    if listed and status in {401, 403} and not said:
        return gated(repo, hub, headers)
    if status in {401, 404}:
        return HubError(
            "unknown_repository",
            f"There is no repository {repo} on the Hub, or it is private.",
            "Check the spelling; for a private one set HF_TOKEN.",
        )
    if status == 403:
        return HubError(
            "access_denied",
            f"The Hub refuses access to {repo}{said}.",
            f"See {hub}/{repo}; you may have to accept a licence, or set HF_TOKEN to a token with more permissions.",
        )
    wait = pause_asked(headers)
    if status == 429:
        later = f"in {wait:.0f} seconds" if wait else "later"
        return HubError(
            "rate_limited",
            f"The Hub limits the rate of requests from here{said}.",
            f"Try again {later}; a token in HF_TOKEN raises the limit.",
            transient=True,
            wait=wait,
        )
    return _failed(response, "The Hub", wait)


def from_file_server(response: Any) -> bool:
    """Whether a response comes from where the Hub redirects downloads to: it is not in the Hub's protocol."""
    url = response.request.url
    hub = is_hub(url) and ("/resolve/" in url.path or url.path.startswith("/api/"))
    return not hub and "x-error-code" not in response.headers


def pause_asked(headers: Mapping[str, str]) -> float | None:
    """Seconds until the next request, by Retry-After or RateLimit; the longer of both, None without any."""
    pauses = [_retry_after(headers.get("retry-after")), _rate_limit(headers.get("ratelimit"))]
    return max((pause for pause in pauses if pause is not None), default=None)


def _in_between(response: Any, repo: str, hub: str) -> HubError:
    """A status that neither the Hub nor its file server means: of a proxy, a network's login, a law."""
    host = netloc(response.request.url)
    if response.status_code == 407:
        return proxy_refused(hub, "407", proxy_of(response.request.url))
    if response.status_code == 511:
        return HubError(
            "network_login",
            "This network asks for a login before it lets requests through (HTTP 511).",
            "Open any web page in a browser, log in there, and run the same command again.",
        )
    return HubError(
        "legally_blocked",
        f"{host} may not serve {repo} here for legal reasons (HTTP 451){_own_words(response.headers)}.",
        f"See {hub}/{repo}; another repository may have the model.",
    )


def _file_server(response: Any, repo: str) -> HubError:
    status, host = response.status_code, netloc(response.request.url)
    who = f"The Hub's file server {host}"
    if status in {404, 410}:
        return HubError(
            LINK_REFUSED,
            f"{who} does not have the file, although the Hub lists it in {repo} (HTTP {status}).",
            "Try again later; if it stays so, tell the repository's owner.",
        )
    if 400 <= status < 500 and status not in _TRANSIENT:
        return HubError(
            LINK_REFUSED,
            f"{who} refuses the download, although the Hub allows it (HTTP {status}).",
            f"A firewall or a proxy may block {host}; let it through, or use another network.",
        )
    return _failed(response, who, pause_asked(response.headers))


def _failed(response: Any, who: str, wait: float | None) -> HubError:
    status, said = response.status_code, _own_words(response.headers)
    transient = status in _TRANSIENT
    if status in _CLOUDFLARE:
        what = f"{who} is not reached by the network in front of it (HTTP {status})"
    elif status == 429:
        what = f"{who} limits the rate of requests from here (HTTP {status})"
    elif status >= 500:
        what = f"{who} failed (HTTP {status}{_phrase(status)})"
    else:
        what = f"{who} rejects the request (HTTP {status}{_phrase(status)})"
    hint = (
        _LATER
        if status >= 500 or transient
        else "MULL_DEBUG=1 shows the request; a proxy may have changed it."
    )
    return HubError("hub_error", f"{what}{said}.", hint, transient=transient, wait=wait)


def _phrase(status: int) -> str:
    try:
        return f", {HTTPStatus(status).phrase}"
    except ValueError:
        return ""


def _own_words(headers: Mapping[str, str]) -> str:
    """What the server says of its refusal, in quotes after a colon; it is text of a stranger."""
    text = " ".join(
        "".join(one if one.isprintable() else " " for one in headers.get("x-error-message", "")).split()
    )
    if len(text) > _LONGEST_MESSAGE:
        text = f"{text[:_LONGEST_MESSAGE]}…"
    return f': "{text.rstrip(".")}"' if text else ""


def _retry_after(value: str | None) -> float | None:
    """Seconds, from either form of the header: a number, or a date."""
    if value is None:
        return None
    import time
    from email.utils import parsedate_to_datetime

    try:
        seconds = float(value)
    except ValueError:
        try:
            seconds = parsedate_to_datetime(value).timestamp() - time.time()
        except (TypeError, ValueError, OverflowError):
            return None
    return max(0.0, seconds) if math.isfinite(seconds) else None


def _rate_limit(value: str | None) -> float | None:
    """Seconds until the used-up limit is reset, from the items `"name";r=REMAINING;t=SECONDS` of the header."""
    pauses = [
        float(found[1])
        for item in (value or "").split(",")
        if (found := re.search(r";\s*t\s*=\s*(\d{1,9})\b", item))
        and not re.search(r";\s*r\s*=\s*0*[1-9]", item)
    ]
    return max(pauses, default=None)
