import { shellWord } from '../templates/quote.ts'
import { type CommandLine, type CompletedCommand, type CompletedOption, namesCommand } from './command-line.ts'

export const shells = ['bash', 'zsh', 'fish'] as const
export type Shell = (typeof shells)[number]

/** The program that a shell reads to complete `streamside`. Names of the inventory are asked for while typing. */
export function completionScript(shell: Shell, line: CommandLine): string {
  return { bash, zsh, fish }[shell](line)
}

const allOptions = ({ options }: Pick<CompletedCommand, 'options'>) =>
  options.flatMap(({ long, short }) => (short === null ? [long] : [long, short]))

/** Each option that is one of a few words, once: commands that share it share its words. */
const words = (line: CommandLine) => [
  ...new Map(
    line.commands.flatMap(({ options }) =>
      options.flatMap(({ long, value, words: each }) => (value === 'word' ? [[long, each.join(' ')] as const] : [])),
    ),
  ),
]

const taking = (line: { commands: Pick<CompletedCommand, 'options'>[] }, value: CompletedOption['value']) => [
  ...new Set(
    line.commands.flatMap(({ options }) =>
      options.filter((option) => option.value === value).flatMap(({ long, short }) => (short ? [short, long] : [long])),
    ),
  ),
]

function bash(line: CommandLine): string {
  const { program, commands } = line
  const typed = '"${COMP_WORDS[@]:1:COMP_CWORD-1}"'
  const names = (kind: string) => `$(${program} ${namesCommand} ${kind} -- ${typed} 2>/dev/null)`
  return `# bash completion of ${program}: put this into ~/.local/share/bash-completion/completions/${program}
_${program}() {
  local cur=\${COMP_WORDS[COMP_CWORD]} prev=\${COMP_WORDS[COMP_CWORD - 1]} command= given= word words= value=
  for word in "\${COMP_WORDS[@]:1:COMP_CWORD-1}"; do
    case $value:$word in
      ${(['file', 'name', 'app', 'word', 'other'] as const)
        .flatMap((value) => taking({ commands: [line, ...commands] }, value))
        .map((option) => `:${option}`)
        .join('|')}) value=next ;;
      next:=) ;;
      next:*) value= ;;
      :-*) ;;
      *) if [[ -z $command ]]; then command=$word; else given=$word; break; fi ;;
    esac
  done
  # bash makes three words of --limit=NAME
  [[ $cur != = ]] || cur=
  [[ $prev != = ]] || prev=\${COMP_WORDS[COMP_CWORD - 2]}
  case $prev in
    ${taking(line, 'name').join('|')}) words=${names('all')} ;;
    ${taking(line, 'app').join('|')}) words=${names('app')} ;;
    ${taking(line, 'file').join('|')}) compopt -o filenames 2>/dev/null; local IFS=$'\\n'; COMPREPLY=($(compgen -f -- "$cur")); return ;;
${words(line)
  .map(([option, each]) => `    ${option}) words=${shellWord(each)} ;;\n`)
  .join('')}    ${taking(line, 'other').join('|')}) return ;;
    *)
      case $command in
        '') words=${shellWord([...commands.map(({ name }) => name), ...allOptions(line)].join(' '))} ;;
${commands
  .map((command) => {
    const [kind = 'other'] = command.arguments
    const argument =
      kind === 'other' ? shellWord(command.words.map((word) => ` ${word}`).join('')) : `" ${names(kind)}"`
    const offered = `words=${shellWord(allOptions(command).join(' '))}`
    const first = command.arguments.length === 0 ? '' : `; [[ -n $given ]] || words+=${argument}`
    return `        ${command.name}) ${offered}${first} ;;`
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
      app: `:app:_${program}_names app`,
      word: `:value:(${each.join(' ')})`,
      other: ':value: ',
    }[value]
    // `=`: the value may stand in the same word or in the next one
    const spelt = value === 'none' ? long : `${long}=`
    const names = short === null ? spelt : `{${short},${spelt}}`
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
  local -a names=(\${(f)"$(${program} ${namesCommand} $argv[-1] -- "\${(@Q)typed}" 2>/dev/null)"})
  compadd "\${(@)argv[1,-2]}" -a names
}
_${program}() {
  local -a commands=(
${commands.map(({ name, description }) => `    ${shellWord(`${name}:${description.replaceAll(':', '\\:')}`)}`).join('\n')}
  )
  local context state line
  # what _arguments leaves of words begins with the command
  local -a typed=("\${(@)words[2,CURRENT-1]}")
  _arguments -C -A '-*' ${line.options.map(option).join(' ')} '1: :->command' '*:: :->rest'
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

function fish({ program, commands, options: before }: CommandLine): string {
  const names = (kind: string) => fishWord(`(${program} ${namesCommand} ${kind} -- (commandline -opc) 2>/dev/null)`)
  const none = `-n ${fishWord(`not __fish_seen_subcommand_from ${commands.map(({ name }) => name).join(' ')}`)}`
  const lines = [
    `# fish completion of ${program}: put this into ~/.config/fish/completions/${program}.fish`,
    `complete -c ${program} -f`,
    ...before.map((option) => fishOption(program, none, option, names)),
  ]
  for (const { name, description, options, arguments: each, words: own } of commands) {
    const here = `-n ${fishWord(`__fish_seen_subcommand_from ${name}`)}`
    lines.push(`complete -c ${program} ${none} -a ${name} -d ${fishWord(description)}`)
    if (each[0] !== undefined && each[0] !== 'other') lines.push(`complete -c ${program} ${here} -a ${names(each[0])}`)
    if (own.length > 0) lines.push(`complete -c ${program} ${here} -a ${fishWord(own.join(' '))}`)
    lines.push(...options.map((option) => fishOption(program, here, option, names)))
  }
  return `${lines.join('\n')}\n`
}

function fishOption(
  program: string,
  here: string,
  { long, short, description, value, words: few }: CompletedOption,
  names: (kind: string) => string,
): string {
  const spelt = `-l ${long.slice(2)}${short === null ? '' : ` -s ${short.slice(1)}`}`
  const takes = {
    none: '',
    file: ' -r -F',
    name: ` -x -a ${names('all')}`,
    app: ` -x -a ${names('app')}`,
    word: ` -x -a ${fishWord(few.join(' '))}`,
    other: ' -x',
  }[value]
  return `complete -c ${program} ${here} ${spelt}${takes} -d ${fishWord(description)}`
}

/** fish, "Quotes": within single quotes only \\' and \\\\ are escapes. */
function fishWord(text: string): string {
  return `'${text.replaceAll('\\', '\\\\').replaceAll("'", "\\'")}'`
}
