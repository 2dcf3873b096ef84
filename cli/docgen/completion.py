"""docs/completion/: the completion scripts, as `mull --show-completion` prints them."""

from __future__ import annotations

from mull.commands.shell_completion import script

SHELLS = {"mull.bash": "bash", "_mull": "zsh", "mull.fish": "fish", "mull.ps1": "powershell"}


def pages() -> dict[str, str]:
    """File name to script."""
    return {name: script(shell) for name, shell in SHELLS.items()}
