"""The proxy that a request goes through, for the messages of its failures.

In: the URL of a request. Out: the variable that names the proxy, and its address. Which proxy applies is decided by the
HTTP client alone, from its own table (NO_PROXY included); it has no public function that tells.
"""

from __future__ import annotations

from contextlib import suppress
from typing import Any

from mull.network.proxies import Proxy, named


def proxy_of(url: Any) -> Proxy | None:
    """The proxy for a URL of the HTTP client; None where it connects directly."""
    from huggingface_hub import get_session

    with suppress(
        Exception
    ):  # a newer client may hold its table otherwise; the message is then without the proxy
        for pattern, transport in get_session()._mounts.items():  # noqa: SLF001
            if pattern.matches(url):
                return None if transport is None else named(pattern.pattern.partition(":")[0])
    return None
