"""Failures of a server, as errors that say what to do, and whether trying again can help."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from mull.errors import MullError


class ServerError(MullError):
    """A server that cannot be reached, refuses, fails, or answers what no server should.

    `status`: the HTTP status, if there was one. `transient`: the same request may succeed later; `retry_after`: seconds
    that the server asks to wait before; `fields`: its error object.
    """

    def __init__(
        self,
        code: str,
        message: str,
        hint: str = "",
        *,
        status: int | None = None,
        transient: bool = False,
        retry_after: float | None = None,
        fields: Mapping[str, Any] | None = None,
    ) -> None:
        super().__init__(code, message, hint)
        self.fields = fields or {}
        self.status = status
        self.transient = transient
        self.retry_after = retry_after
