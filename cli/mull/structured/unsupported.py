"""The error for a schema that is valid, but to which mull cannot constrain an answer."""

from __future__ import annotations

from mull.errors import ExitCode, MullError


class UnsupportedSchema(MullError):
    """Exit code 5. `what` begins with a verb: "it uses "not""; `place` is a path such as #/properties/age."""

    def __init__(self, what: str, place: str = "") -> None:
        super().__init__(
            "schema_unsupported",
            f"This schema is not supported: {what}{f' at {place}' if place else ''}.",
            "Remove that, and check the answer for it yourself.",
            exit_code=ExitCode.SCHEMA,
        )
