"""The completion scripts of bash, zsh, fish and PowerShell.

Each runs mull once for a press of Tab, with the words typed so far, and gives its lines to the shell as they are. What
a line contains is untrusted (titles, file names), so no script evaluates, globs or splits one. The program that runs is
the `mull` on PATH, whatever path was typed.
"""

from __future__ import annotations

BASH = r"""
_mull_completion() {
    local line
    COMPREPLY=()
    while IFS= read -r line; do
        COMPREPLY+=("$line")
    done < <(env _MULL_COMPLETE=bash mull "${COMP_WORDS[@]:1:COMP_CWORD}" 2>/dev/null </dev/null)
}

complete -o default -F _mull_completion mull
"""

# compadd quotes what it inserts and shows control characters as such; it evaluates nothing. As a function that compinit
# loads from a file at the first Tab, the file defines the function and has to call it, too.
ZSH = r"""
#compdef mull

_mull() {
  local line help
  local -a lines values shown
  integer width=0
  lines=("${(@f)$(env _MULL_COMPLETE=zsh mull "${(@Q)words[2,CURRENT-1]}" "${(Q)PREFIX}" 2>/dev/null </dev/null)}")
  for line in "${lines[@]}"; do
    [[ -n $line ]] || continue
    values+=("${line%%$'\t'*}")
    (( ${#values[-1]} <= width )) || width=${#values[-1]}
  done
  if (( ! ${#values} )); then
    _files
    return
  fi
  for line in "${lines[@]}"; do
    [[ -n $line ]] || continue
    help=${line#*$'\t'}
    line=${(mr:width:)${line%%$'\t'*}}
    shown+=("${(mr:COLUMNS-1:)${:-$line${help:+  -- $help}}}")
  done
  compadd -l -d shown -a -- values
}

if [[ ${funcstack[1]-} == _mull ]]; then
  _mull "$@"
else
  compdef _mull mull
fi
"""

FISH = r"""
function __mull_complete
    set -l words (commandline -opc)
    set -l word (commandline -ct)
    set -e words[1]
    set -l found (env _MULL_COMPLETE=fish mull $words "$word" 2>/dev/null </dev/null)
    if set -q found[1]
        printf '%s\n' $found
    else
        __fish_complete_path "$word"
    end
end

complete --command mull --no-files --arguments '(__mull_complete)'
"""

POWERSHELL = r"""
Import-Module PSReadLine
Set-PSReadLineKeyHandler -Chord Tab -Function MenuComplete
Register-ArgumentCompleter -Native -CommandName mull -ScriptBlock {
    param($wordToComplete, $commandAst, $cursorPosition)
    $line = $commandAst.ToString()
    $length = [Math]::Max(0, [Math]::Min($line.Length, $cursorPosition - $commandAst.Extent.StartOffset))
    $program = Get-Command -Name mull -CommandType Application | Select-Object -First 1
    try {
        $Env:_MULL_COMPLETE = 'powershell'
        $Env:_MULL_LINE = $line.Substring(0, $length)
        $Env:_MULL_WORD = $wordToComplete
        & $program 2>$null | ForEach-Object {
            $text, $shown, $help = $_.Split([char]9)
            [System.Management.Automation.CompletionResult]::new($text, $shown, 'ParameterValue', $help)
        }
    } finally {
        Remove-Item -ErrorAction Ignore -Path Env:_MULL_COMPLETE, Env:_MULL_LINE, Env:_MULL_WORD
    }
}
"""

SCRIPTS = {"bash": BASH, "zsh": ZSH, "fish": FISH, "powershell": POWERSHELL, "pwsh": POWERSHELL}


def script(shell: str) -> str:
    """The script of a shell. Raises KeyError for an unknown one."""
    return SCRIPTS[shell].lstrip("\n")
