"""docs/completion/: the completion scripts, as `mull --show-completion` prints them."""

from __future__ import annotations

from typer.completion import get_completion_script

SHELLS = {"mull.bash": "bash", "_mull": "zsh", "mull.fish": "fish", "mull.ps1": "pwsh"}


def pages() -> dict[str, str]:
    """File name to script."""
    return {
        name: str(get_completion_script(prog_name="mull", complete_var="_MULL_COMPLETE", shell=shell)) + "\n"
        for name, shell in SHELLS.items()
    }
