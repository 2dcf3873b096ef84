"""The environment variables that huggingface_hub and its HTTP client read: faulty values, each named in one sentence.

In: the environment. Out: the values that mull reads itself. Raises HubError. Both libraries read the environment when
they are imported or make their first connection, and fail there with a traceback, so `prepare` comes before either.
"""

from __future__ import annotations

import os
import warnings
from collections.abc import Mapping
from pathlib import Path
from urllib.parse import urlsplit

from mull.models.hub.errors import HubError
from mull.network.proxies import PROXY_SCHEMES, bypassed, variable, without_password

TIMEOUTS = ("HF_HUB_DOWNLOAD_TIMEOUT", "HF_HUB_ETAG_TIMEOUT")
_LONGEST_TIMEOUT = 1_000_000  # seconds; sockets take no much longer one
_BUNDLES = ("REQUESTS_CA_BUNDLE", "CURL_CA_BUNDLE")
_TOKENS = ("HF_TOKEN", "HUGGING_FACE_HUB_TOKEN")
_TOKEN_PLACES = ("HF_TOKEN_PATH", "HF_HOME", "XDG_CACHE_HOME")
_CERTIFICATES = ("SSL_CERT_FILE", "SSL_CERT_DIR")
_OFFLINE = ("HF_HUB_OFFLINE", "TRANSFORMERS_OFFLINE")
_TRUE = {"1", "ON", "YES", "TRUE"}  # huggingface_hub.constants


def offline() -> str:
    """The variable that keeps the Hub out of reach, as huggingface_hub reads it; empty: nothing does."""
    name = next((name for name in _OFFLINE if os.environ.get(name)), "")
    return name if os.environ.get(name, "").upper() in _TRUE else ""


def prepare() -> None:
    """Check what is read at an import. Call it before any import of huggingface_hub. Raises HubError.

    The HTTP client knows SSL_CERT_FILE alone; REQUESTS_CA_BUNDLE and CURL_CA_BUNDLE stand in for it where it is unset.
    """
    warnings.filterwarnings("ignore", category=FutureWarning, module=r"huggingface_hub\.")
    for name in TIMEOUTS:
        if os.environ.get(name, "-").strip() == "":  # as good as unset, but not for huggingface_hub
            del os.environ[name]
        seconds(name, 0)
    for scheme in ("http", "https", "all"):
        _check_proxy(*variable(f"{scheme}_proxy"))
    bundle = next((os.environ[name] for name in _BUNDLES if os.environ.get(name)), "")
    if bundle and not any(os.environ.get(name) for name in _CERTIFICATES):
        os.environ["SSL_CERT_DIR" if Path(bundle).is_dir() else "SSL_CERT_FILE"] = bundle


def seconds(name: str, default: float) -> float:
    """The timeout in a variable, in seconds; `default` where it is unset or 0. Raises HubError."""
    text = os.environ.get(name, "0").strip()
    try:
        value = int(text)
    except ValueError:
        value = -1
    if not 0 <= value <= _LONGEST_TIMEOUT:
        raise invalid(name, text, "not a whole number of seconds", "Set it to a number like 30, or unset it.")
    return value or default


def certificates() -> tuple[str, str]:
    """(name, value) of the variable that says which certificates count; both empty where there is none."""
    chosen = next(((name, value) for name in _CERTIFICATES if (value := os.environ.get(name))), ("", ""))
    same = (name for name in _BUNDLES if os.environ.get(name) == chosen[1] != "")
    return next(same, chosen[0]), chosen[1]


def check_headers(headers: Mapping[str, str]) -> None:
    """Check the headers that huggingface_hub made of the user's token and variables. Raises HubError.

    Anything but visible ASCII fails inside the HTTP client, as a failure of the Hub's answer.
    """
    token = headers.get("authorization", "").removeprefix("Bearer ")
    if not _visible(token) or " " in token:
        where = next((name for name in _TOKENS if os.environ.get(name)), "The file of your token")
        raise HubError(
            "invalid_token",
            f"{where} holds characters that no token has.",
            "A token is hf_ with letters and digits; copy it again, without quotes or spaces.",
        )
    if not _visible(headers.get("user-agent", "")):
        origin = os.environ.get("HF_HUB_USER_AGENT_ORIGIN", "")
        raise invalid("HF_HUB_USER_AGENT_ORIGIN", origin, "not plain ASCII", "Correct or unset it.")


def token_unreadable(failure: OSError) -> HubError:
    """The error for a token's file that cannot be looked for, by the variable that says where it is."""
    name = next((name for name in _TOKEN_PLACES if os.environ.get(name)), "")
    if not name:
        return HubError(
            "invalid_token", f"The file of your token cannot be read: {failure}.", "Check its path."
        )
    what = f"where no token can be read: {failure.strerror or failure}"
    return invalid(name, os.environ[name], what, "Correct or unset it.")


def invalid(name: str, value: str, what: str, hint: str) -> HubError:
    """The error for the value of a variable."""
    shown = "".join(letter if letter.isprintable() else "�" for letter in without_password(value))[:120]
    return HubError("invalid_environment", f'{name} is "{shown}", {what}.', hint)


def _check_proxy(name: str, value: str) -> None:
    if not name:
        return
    try:
        parts = urlsplit(value if "://" in value else f"http://{value}")
        valid = bool(parts.hostname) and parts.port != 0 and " " not in value and value.isprintable()
    except ValueError:
        valid = False
    hint = "Set it to an address like http://host:8080 or socks5://host:1080, or unset it."
    useful = valid and parts.scheme.lower() in PROXY_SCHEMES
    if not useful and _bypasses_proxies():  # the HTTP client reads the value all the same, and fails
        del os.environ[name]
        return
    if not valid:
        raise invalid(name, value, "which is not the address of a proxy", hint)
    if not useful:
        raise invalid(name, value, f"and mull knows no proxies of the kind {parts.scheme}", hint)


def _bypasses_proxies() -> bool:
    """Whether the Hub is reached without a proxy, by NO_PROXY."""
    hub = urlsplit(os.environ.get("HF_ENDPOINT") or "https://huggingface.co")
    return bypassed(hub.hostname or "", hub.port or (80 if hub.scheme == "http" else 443))


def _visible(text: str) -> bool:
    return text.isascii() and text.isprintable()
