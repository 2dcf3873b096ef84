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
