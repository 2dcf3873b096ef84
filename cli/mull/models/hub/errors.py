"""The error of everything that goes wrong with the Hugging Face Hub."""

from __future__ import annotations

from mull.errors import MullError


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
