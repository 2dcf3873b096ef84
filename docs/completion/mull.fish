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
