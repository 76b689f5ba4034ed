import { resolve } from 'node:path'
import { plainCard } from '../inventory/cards.ts'
import { wrongHostName } from '../inventory/checks/names.ts'
import type { Host, Inventory } from '../inventory/model.ts'
import { host as hostSchema, sshPort, sshUser } from '../inventory/schema/host.ts'
import type { Starter } from '../inventory/starter.ts'
import { connectHost } from '../host/connect.ts'
import { runAsRoot } from '../host/root.ts'
import { exitCodes, Problem } from '../problem.ts'
import { terminalQuestions } from '../report/questions.ts'
import { createReporter, reporterMode } from '../report/reporter.ts'
import { propose } from '../survey/propose.ts'
import { parseSurvey, type Survey } from '../survey/survey.ts'
import { writtenProposals } from '../survey/written.ts'
import { hostProgram } from '../templates/render.ts'
import { type InitOptions, stoppingOf } from './init-options.ts'
import { byRule } from './init-rules.ts'

/** `[NAME=][USER@]ADDRESS[:PORT]`; an IPv6 address with a port stands in brackets. */
export interface FromHost {
  /** null: the address is a number, and the host says what it is called. */
  name: string | null
  address: string
  user: string | null
  port: number | null
}

/** @throws Problem `init-from` (exit 2) when the text is none */
export function parseFrom(text: string): FromHost {
  const [, name, user, bracketed, plain, port] =
    /^(?:([^=@]*)=)?(?:([^@]*)@)?(?:\[([^\]]*)\]|([^:]*|[^[\]]*:[^[\]]*:[^[\]]*))(?::([0-9]+))?$/.exec(text) ?? []
  const address = bracketed ?? plain ?? ''
  const wrong =
    byRule(hostSchema.shape.address)(address) ??
    (name === undefined ? null : wrongHostName(name)) ??
    (user === undefined ? null : byRule(sshUser)(user)) ??
    (port === undefined ? null : byRule(sshPort)(Number(port)))
  if (wrong !== null)
    throw new Problem({
      code: 'init-from',
      doing: 'reading --from',
      found: `${JSON.stringify(text)}: ${wrong}`,
      next: 'write it as ssh has it, with a name before it if you like: --from pi-attic=pi@192.168.1.21:2222',
      exit: exitCodes.usage,
    })
  const label = /^[0-9.]+$|:/.test(address) ? null : (address.split('.')[0] ?? '')
  return {
    name: name ?? (label !== null && wrongHostName(label) === null ? label : null),
    address,
    user: user ?? null,
    port: port === undefined ? null : Number(port),
  }
}

/** Seconds: on a small card with many services each file that is open is looked into. */
const deadlineSeconds = 180

/**
 * Looks at a host that runs already, in one exec that changes nothing there, and proposes what an inventory could say of it.
 * @throws Problem `init-from`, `survey-failed`, `survey-garbled`, and those of `connectHost` and `runAsRoot`
 */
export async function proposalsFrom(
  options: InitOptions,
  ssh: Inventory['ssh'],
): Promise<{ host: Starter['hosts'][number]; lines: string[] }> {
  const from = parseFrom(options.from ?? '')
  const shown = from.name ?? from.address
  const host: Host = {
    name: shown,
    address: from.address,
    port: from.port,
    user: from.user ?? options.user ?? null,
    tags: [],
    sudoPassword: null,
    card: plainCard(shown),
  }
  const survey = await surveyOf(host, options, ssh)
  // What a host calls itself is taken for its name only when it can be one.
  const own = survey.hostname.split('.')[0] ?? ''
  const name = from.name ?? (wrongHostName(own) === null && own !== 'localhost' ? own : 'first-host')
  const lines = writtenProposals(propose(survey), { name, shown: name === shown ? name : `${name} (${shown})` })
  return { host: { name, address: from.address, user: from.user, port: from.port }, lines }
}

async function surveyOf(host: Host, options: InitOptions, ssh: Inventory['ssh']): Promise<Survey> {
  const { stdout, stderr } = process
  const reporter = createReporter({ mode: reporterMode(false, stderr), stdout, stderr, quiet: true })
  const questions = options.interactive === false ? null : terminalQuestions(reporter, stoppingOf(options))
  try {
    const connection = await connectHost(host, {
      ssh,
      acceptNew: options.acceptNew ?? false,
      report: reporter.report,
      ...(questions
        ? { confirm: (text: string) => questions.confirm(text), passphrase: (text: string) => questions.secret(text) }
        : {}),
    })
    try {
      const doing = `looking at the services of ${host.name}`
      const answer = await runAsRoot(connection, {
        doing,
        files: [{ name: 'survey.sh', content: hostProgram('survey.sh') }],
        workIn: '/run/streamside',
        program: 'survey.sh',
        sudoPassword: null,
        ...(questions ? { askPassword: () => questions.secret(`sudo password on ${host.name}: `) } : {}),
        deadlineSeconds,
      })
      if (answer.code === 0) return parseSurvey(answer.stdout, host.name)
      throw new Problem({
        code: 'survey-failed',
        doing,
        found: answer.stderr.trim() || `the program ended with status ${answer.code}`,
        next: 'a Debian or Raspberry Pi OS with systemd has all that it needs: see what was changed on this host',
        host: host.name,
      })
    } finally {
      await connection.close()
    }
  } finally {
    reporter.finish()
  }
}

/** As the commands that follow will see it: an ssh_config of the inventory's, or the user's own. */
export function sshOf(options: InitOptions, cwd: string): Inventory['ssh'] {
  return { config: options.sshConfig === undefined ? null : resolve(cwd, options.sshConfig), knownHosts: null }
}
