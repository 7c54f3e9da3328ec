/**
 * `chaveiro completion`: a script that completes commands and options in bash, zsh or fish. It is made from the
 * tree of commands, so it cannot lag behind it.
 * @module
 */
import { Argument, type Command } from 'commander'
import { withExamples } from '../output.js'
import type { Terminal } from '../terminal.js'

const shells = ['bash', 'zsh', 'fish'] as const
type Shell = (typeof shells)[number]

export function addCompletionCommand(program: Command, terminal: Terminal): void {
  const completion = program
    .command('completion')
    .description('print a completion script for your shell')
    .addArgument(new Argument('<shell>', 'the shell').choices(shells))
    .action((shell: Shell) => {
      terminal.stdout.write(scripts[shell](wordsByPath(program)))
    })
  withExamples(completion, [
    ['source <(chaveiro completion bash)', 'In bash, for this session:'],
    ['chaveiro completion fish > ~/.config/fish/completions/chaveiro.fish', 'In fish, for good:'],
  ])
}

/** For each path of commands ("svid fetch"), the words that may follow. */
function wordsByPath(program: Command): Map<string, string[]> {
  const words = new Map<string, string[]>()
  const walk = (command: Command, path: string): void => {
    const children = command.commands.map((child) => child.name())
    const options = command.options.flatMap(({ long }) => (long ? [long] : []))
    words.set(path, [...children, ...options, '--help'])
    for (const child of command.commands) walk(child, `${path} ${child.name()}`.trim())
  }
  walk(program, '')
  return words
}

const caseLines = (words: Map<string, string[]>): string =>
  [...words].map(([path, next]) => `    "${path}") words="${next.join(' ')}" ;;`).join('\n')

const bash = (words: Map<string, string[]>): string => `_chaveiro() {
  local path="" words="" word
  for word in "\${COMP_WORDS[@]:1:COMP_CWORD-1}"; do
    [[ $word == -* ]] || path="\${path:+$path }$word"
  done
  case "$path" in
${caseLines(words)}
  esac
  mapfile -t COMPREPLY < <(compgen -W "$words" -- "\${COMP_WORDS[COMP_CWORD]}")
  [[ \${#COMPREPLY[@]} -gt 0 ]] || mapfile -t COMPREPLY < <(compgen -f -- "\${COMP_WORDS[COMP_CWORD]}")
}
complete -F _chaveiro chaveiro
`

const scripts: Record<Shell, (words: Map<string, string[]>) => string> = {
  bash,
  zsh: (words) => `#compdef chaveiro\nautoload -U +X bashcompinit && bashcompinit\n${bash(words)}`,
  fish: (words) =>
    `${[...words]
      .map(([path, next]) => {
        const seen = path === '' ? '__fish_use_subcommand' : `__fish_seen_subcommand_from ${path.split(' ').at(-1)}`
        return `complete -c chaveiro -f -n "${seen}" -a "${next.join(' ')}"`
      })
      .join('\n')}\n`,
}
