"""The certificates that count for https endpoints: those of the variables, else those of the system.

In: SSL_CERT_FILE and SSL_CERT_DIR; REQUESTS_CA_BUNDLE and CURL_CA_BUNDLE stand in where these are unset. Out: a TLS
context. Raises ServerError (invalid_environment) for a variable that names no certificates.
"""

from __future__ import annotations

import os
import ssl
from pathlib import Path

from mull.endpoints.errors import ServerError

_VARIABLES = ("SSL_CERT_FILE", "SSL_CERT_DIR", "REQUESTS_CA_BUNDLE", "CURL_CA_BUNDLE")


def context() -> ssl.SSLContext:
    """A context that verifies the server's certificate and name."""
    for name in _VARIABLES:
        if value := os.environ.get(name, ""):
            return _of(name, value)
    import truststore  # the system's own store, where companies keep their certificates

    return truststore.SSLContext(ssl.PROTOCOL_TLS_CLIENT)


def _of(name: str, value: str) -> ssl.SSLContext:
    is_folder = name == "SSL_CERT_DIR" or Path(value).is_dir()
    try:
        if is_folder:
            return ssl.create_default_context(capath=value)
        return ssl.create_default_context(cafile=value)
    except OSError as error:
        why = "holds no certificates" if isinstance(error, ssl.SSLError) else "cannot be read"
        raise ServerError(
            "invalid_environment",
            f'{name} is "{value}", which {why}.',
            "Set it to a file with certificates in the PEM format, or unset it.",
        ) from error
