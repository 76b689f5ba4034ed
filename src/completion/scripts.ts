import { shellWord } from '../templates/quote.ts'
import { type CommandLine, type CompletedCommand, type CompletedOption, namesCommand } from './command-line.ts'

export const shells = ['bash', 'zsh', 'fish'] as const
export type Shell = (typeof shells)[number]

/** The program that a shell reads to complete `streamside`. Names of the inventory are asked for while typing. */
export function completionScript(shell: Shell, line: CommandLine): string {
  return { bash, zsh, fish }[shell](line)
}

const allOptions = ({ options }: CompletedCommand) =>
  options.flatMap(({ long, short }) => (short === null ? [long] : [long, short]))

/** Each option that is one of a few words, once: commands that share it share its words. */
const words = (line: CommandLine) => [
  ...new Map(
    line.commands.flatMap(({ options }) =>
      options.flatMap(({ long, value, words: each }) => (value === 'word' ? [[long, each.join(' ')] as const] : [])),
    ),
  ),
]

const taking = (line: CommandLine, value: CompletedOption['value']) => [
  ...new Set(
    line.commands.flatMap(({ options }) =>
      options.filter((option) => option.value === value).flatMap(({ long, short }) => (short ? [short, long] : [long])),
    ),
  ),
]

function bash(line: CommandLine): string {
  const { program, commands } = line
  return `# bash completion of ${program}: put this into ~/.local/share/bash-completion/completions/${program}
_${program}() {
  local cur=\${COMP_WORDS[COMP_CWORD]} prev=\${COMP_WORDS[COMP_CWORD - 1]} command= word words=
  for word in "\${COMP_WORDS[@]:1:COMP_CWORD-1}"; do
    case $word in -*) ;; *) command=$word; break ;; esac
  done
  case $prev in
    ${taking(line, 'name').join('|')}) words=$(${program} ${namesCommand} 2>/dev/null) ;;
    ${taking(line, 'file').join('|')}) COMPREPLY=($(compgen -f -- "$cur")); return ;;
${words(line)
  .map(([option, each]) => `    ${option}) words=${shellWord(each)} ;;\n`)
  .join('')}    ${taking(line, 'other').join('|')}) return ;;
    *)
      case $command in
        '') words=${shellWord(commands.map(({ name }) => name).join(' '))} ;;
${commands
  .map((command) => {
    const kind = command.arguments[0] ?? 'other'
    const names = kind === 'other' ? '' : `" $(${program} ${namesCommand} ${kind} 2>/dev/null)"`
    return `        ${command.name}) words=${shellWord([...command.words, ...allOptions(command)].join(' '))}${names} ;;`
  })
  .join('\n')}
      esac
      ;;
  esac
  COMPREPLY=($(compgen -W "$words" -- "$cur"))
}
complete -F _${program} ${program}
`
}

function zsh(line: CommandLine): string {
  const { program, commands } = line
  const option = ({ long, short, description, value, words: each }: CompletedOption) => {
    const text = description.replaceAll(/[[\]:\\]/g, (char) => `\\${char}`)
    const action = {
      none: '',
      file: ':file:_files',
      name: `:name:_${program}_names all`,
      word: `:value:(${each.join(' ')})`,
      other: ':value: ',
    }[value]
    const names = short === null ? long : `{${short},${long}}`
    return `${names}${shellWord(`[${text}]${action}`)}`
  }
  const argument = ({ arguments: [kind = 'other'], words: each }: CompletedCommand) =>
    each.length > 0
      ? ` ${shellWord(`1:word:(${each.join(' ')})`)}`
      : kind === 'other'
        ? ''
        : ` ${shellWord(`1:${kind}:_${program}_names ${kind}`)}`
  return `#compdef ${program}
# zsh completion of ${program}: put this as _${program} into a folder of $fpath
_${program}_names() {
  # _arguments puts what it has to say to compadd before what stands in the action
  local -a names=(\${(f)"$(${program} ${namesCommand} $argv[-1] 2>/dev/null)"})
  compadd "\${(@)argv[1,-2]}" -a names
}
_${program}() {
  local -a commands=(
${commands.map(({ name, description }) => `    ${shellWord(`${name}:${description.replaceAll(':', '\\:')}`)}`).join('\n')}
  )
  local context state line
  _arguments -C '1: :->command' '*:: :->rest'
  case $state in
    command) _describe command commands ;;
    rest)
      case $line[1] in
${commands
  .map(
    (command) => `        ${command.name}) _arguments ${command.options.map(option).join(' ')}${argument(command)} ;;`,
  )
  .join('\n')}
      esac
      ;;
  esac
}
if [ "$funcstack[1]" = _${program} ]; then _${program} "$@"; else compdef _${program} ${program}; fi
`
}

function fish({ program, commands }: CommandLine): string {
  const lines = [
    `# fish completion of ${program}: put this into ~/.config/fish/completions/${program}.fish`,
    `complete -c ${program} -f`,
  ]
  for (const { name, description, options, arguments: each, words: own } of commands) {
    const here = `-n ${fishWord(`__fish_seen_subcommand_from ${name}`)}`
    lines.push(`complete -c ${program} -n __fish_use_subcommand -a ${name} -d ${fishWord(description)}`)
    if (each[0] !== undefined && each[0] !== 'other')
      lines.push(`complete -c ${program} ${here} -a ${fishWord(`(${program} ${namesCommand} ${each[0]} 2>/dev/null)`)}`)
    if (own.length > 0) lines.push(`complete -c ${program} ${here} -a ${fishWord(own.join(' '))}`)
    for (const { long, short, description: about, value, words: few } of options) {
      const names = `-l ${long.slice(2)}${short === null ? '' : ` -s ${short.slice(1)}`}`
      const takes = {
        none: '',
        file: ' -r -F',
        name: ` -x -a ${fishWord(`(${program} ${namesCommand} 2>/dev/null)`)}`,
        word: ` -x -a ${fishWord(few.join(' '))}`,
        other: ' -x',
      }[value]
      lines.push(`complete -c ${program} ${here} ${names}${takes} -d ${fishWord(about)}`)
    }
  }
  return `${lines.join('\n')}\n`
}

/** fish, "Quotes": within single quotes only \\' and \\\\ are escapes. */
function fishWord(text: string): string {
  return `'${text.replaceAll('\\', '\\\\').replaceAll("'", "\\'")}'`
}
