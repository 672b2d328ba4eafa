/**
 * One small function per shell; all knowledge stays in `berth __complete` (complete.ts).
 *
 * Written by hand: the bash script of @bomb.sh/tab 0.0.22 puts the typed words through `eval`, so that a
 * `$(...)` on an unfinished line would run at the TAB key, needs the bash-completion package, and its
 * `complete` protocol cannot ask the shell for files or directories.
 */
export const COMPLETION_SCRIPTS: Readonly<Record<'bash' | 'zsh' | 'fish', string>> = {
  bash: `# berth completion bash: put into ~/.bashrc:  source <(berth completion bash)
_berth() {
  local current="\${COMP_WORDS[COMP_CWORD]}" line kind=words
  [[ $current == = ]] && current=
  COMPREPLY=()
  while IFS= read -r line; do
    case $line in
      :*) kind=\${line#:} ;;
      *) COMPREPLY+=("\${line%%$'\\t'*}") ;;
    esac
  done < <(command berth __complete "\${COMP_WORDS[@]:1:COMP_CWORD-1}" "$current" 2>/dev/null)
  case $kind in
    dirs) kind=-d ;;
    files) kind=-f ;;
    command) kind=-c ;;
    *) return ;;
  esac
  compopt -o filenames 2>/dev/null
  while IFS= read -r line; do COMPREPLY+=("$line"); done < <(compgen "$kind" -- "$current")
}
complete -F _berth berth
`,
  zsh: `#compdef berth
# berth completion zsh: put into ~/.zshrc, after compinit:  source <(berth completion zsh)
_berth() {
  local line kind=words
  local -a found
  while IFS= read -r line; do
    case $line in
      :*) kind=\${line#:} ;;
      *) found+=("\${\${line%%$'\\t'*}//:/\\\\:}:\${line#*$'\\t'}") ;;
    esac
  done < <(command berth __complete "\${(@)words[2,CURRENT]}" 2>/dev/null)
  case $kind in
    dirs) _files -/ ;;
    files) _files ;;
    command) _command_names -e ;;
    *) _describe -V berth found ;;
  esac
}
if [[ $funcstack[1] == _berth ]]; then _berth "$@"; else compdef _berth berth; fi
`,
  fish: `# berth completion fish: put into ~/.config/fish/completions/berth.fish
function __berth_complete
  set -l words (commandline -opc)
  set -l current (commandline -ct)
  set -l found (command berth __complete $words[2..-1] "$current" 2>/dev/null)
  switch "$found[1]"
    case :dirs
      __fish_complete_directories "$current"
    case :files
      __fish_complete_path "$current"
    case :command
      __fish_complete_command
    case '*'
      printf '%s\\n' $found
  end
end
complete -c berth -f -k -a '(__berth_complete)'
`,
};
