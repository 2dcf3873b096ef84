"""The error for a schema that is valid, but to which mull cannot constrain an answer."""

from __future__ import annotations

from mull.errors import ExitCode, MullError


class UnsupportedSchema(MullError):
    """Exit code 5. `what` begins with a verb: "it uses "not""; `place` is a path such as #/properties/age.

    `hint`: what to do where removing that is not the answer.
    """

    def __init__(self, what: str, place: str = "", hint: str = "") -> None:
        super().__init__(
            "schema_unsupported",
            f"This schema is not supported: {what}{f' at {place}' if place else ''}.",
            hint or "Remove that, and check the answer for it yourself.",
            exit_code=ExitCode.SCHEMA,
        )


def unsatisfiable(why: str = "") -> UnsupportedSchema:
    """The error for a schema that no value satisfies."""
    return UnsupportedSchema(
        f"no value satisfies it{why and f' ({why})'}", hint="Correct what contradicts itself in it."
    )
