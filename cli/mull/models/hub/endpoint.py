"""The address of the Hub, and which other addresses are the same server.

In: HF_ENDPOINT. Out: an address without the slash at its end. Raises HubError for one that is no web address, and for
other variables that huggingface_hub cannot be imported with.
"""

from __future__ import annotations

import logging
import os
from typing import Any
from urllib.parse import urlsplit

from mull.models.hub.environment import prepare
from mull.models.hub.errors import HubError
from mull.network.proxies import without_password


def endpoint() -> str:
    """The Hub's address: HF_ENDPOINT, or huggingface_hub's default. Raises HubError for a faulty environment.

    Also turns off huggingface_hub's telemetry, which includes looking up which program calls it, and its messages.
    """
    if (chosen := os.environ.get("HF_ENDPOINT")) and not _is_address(chosen):
        raise HubError(
            "invalid_endpoint",
            f'HF_ENDPOINT is "{without_password(chosen)}", which is not a web address.',
            "Set it to an address like https://huggingface.co, or unset it.",
        )
    prepare()
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


def is_hub(url: Any) -> bool:
    """Whether this URL of the HTTP client has the endpoint's origin: the same scheme, host and port.

    Also for the same host's https where the endpoint is http, each at its default port: an upgrade loses nothing.
    Both addresses are parsed by the client that connects to them, so that no two parsers can disagree.
    """
    hub, here = _origin(type(url)(endpoint())), _origin(url)
    return here == hub or (hub[0], hub[2], *here) == ("http", 80, "https", hub[1], 443)


def _origin(url: Any) -> tuple[str, bytes, int | None]:
    return url.scheme, url.raw_host, url.port or {"http": 80, "https": 443}.get(url.scheme)
