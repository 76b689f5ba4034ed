import { beforeAll, describe, expect, test } from 'vitest'
import { type LabHost, runInHost, shellInHost } from '../lab/index.ts'
import { outcomes, page, port, rolled, type Rolled } from './rolled.ts'
import { eventsOf, type Run, type Site, until } from './site.ts'

let lab: Site
let hosts: LabHost[]
let change: Rolled['change']
let pids: Rolled['pids']

beforeAll(async () => {
  ;({ lab, hosts, change, pids } = await rolled('turns', 'turn'))
})

/** A turn that somebody has left: the record, and when their connection was last seen to be up. */
async function leave(text: string, secondsAgo: number): Promise<void> {
  await runInHost(hosts[0]!, ['sh', '-c', 'cat >"$1"', 'sh', '/var/lib/streamside/turns/rolling'], { input: text })
  // before the boot of a machine that has just been switched on
  const seen = 'read -r up _ </proc/uptime; mkdir -p /run/streamside/turns; echo "$((${up%.*} - $1))" >"$2"'
  await shellInHost(hosts[0]!, seen, [String(secondsAgo), '/run/streamside/turns/rolling'])
}

describe('two operators who restart an app on different hosts', () => {
  /** Too long for an app that is never healthy: time for a second operator. */
  const never = { health: { http: `http://127.0.0.1:${port}/nowhere`, within: '20s' } }
  const limited = (host: string, more: string[] = []) => ['provision', '--json', '--limit', host, ...more]
  const problemsOf = (run: Run) => eventsOf(run, 'problem').map((event) => event['problem'])

  /** Runs provision on `host`, and lets `meanwhile` happen once its app restarts. */
  async function whileRestarting<T>(host: string, meanwhile: (pid: number) => Promise<T>): Promise<[Run, T]> {
    let pid = 0
    const second: Promise<T>[] = []
    const first = await lab.run(limited(host), {
      onStart: (started) => (pid = started),
      onLine: (line) => {
        const { type, step } = JSON.parse(line) as { type: string; step?: string }
        if (second.length === 0 && type === 'host-step' && step === 'health') second.push(meanwhile(pid))
      },
    })
    if (second[0] === undefined) throw new Error(`nothing was restarted:\n${first.stdout}`)
    return [first, await second[0]]
  }

  test('are kept apart: the second is told who, and nothing is changed there', async () => {
    const before = await pids()
    await change(never)
    const [first, second] = await whileRestarting('turn-two', () => lab.run(limited('turn-three')))
    expect(problemsOf(first)).toEqual([expect.objectContaining({ code: 'unhealthy' })])
    expect(second.code).toBe(5)
    expect(problemsOf(second)).toEqual([
      expect.objectContaining({
        code: 'turn-taken',
        host: 'turn-three',
        found: expect.stringMatching(
          /^it is being restarted on turn-two by \S+@\S+ \(streamside provision, pid \d+\)$/,
        ),
        next: expect.stringContaining('--break-lock'),
      }),
    ])
    expect((await pids())[2]).toBe(before[2])
    expect(await shellInHost(hosts[0]!, 'cat /var/lib/streamside/turns/rolling 2>&1 || :')).toContain('No such file')
  })

  test('one of whom is killed: what goes on by itself keeps its turn, and what is over keeps nothing', async () => {
    await change({ health: { ...never.health, within: '12s' } })
    const [, second] = await whileRestarting('turn-two', async (pid) => {
      process.kill(pid, 'SIGKILL')
      return lab.run(limited('turn-three'))
    })
    expect(problemsOf(second)).toEqual([
      expect.objectContaining({
        code: 'turn-taken',
        found: expect.stringMatching(/, who has gone; the transaction there goes on by itself$/),
      }),
    ])
    await expect
      .poll(() => shellInHost(hosts[1]!, 'systemctl list-units --plain --no-legend "streamside-apply-*"'), {
        timeout: 60_000,
        interval: 1000,
      })
      .toBe('')
    await change()
    const third = await lab.run(limited('turn-three'))
    expect([third.code, outcomes(third)]).toEqual([0, { 'turn-three': 'changed' }])
    expect((await lab.provision()).code).toBe(0)
  })

  test('one of whom has gone, on a host that has left the inventory: nobody is told to wait, and --break-lock takes the turn', async () => {
    const record = 'turn-old\tsomebody@elsewhere (streamside provision, pid 1)'
    await leave(`${record}\n`, 1200)
    await change()
    const refused = await lab.run(limited('turn-three'))
    expect(refused.code).toBe(5)
    expect(problemsOf(refused)).toEqual([
      expect.objectContaining({
        code: 'turn-taken',
        found: expect.stringContaining('turn-old is not in this inventory'),
        next: expect.stringMatching(/waiting does not help.*streamside provision --limit turn-three --break-lock/),
      }),
    ])
    const broken = await lab.run(limited('turn-three', ['--break-lock']))
    expect([broken.code, outcomes(broken)]).toEqual([0, { 'turn-three': 'changed' }])
    expect(eventsOf(broken, 'warning')).toEqual([
      expect.objectContaining({
        code: 'turn-broken',
        message: expect.stringMatching(/somebody@elsewhere .* on turn-old$/),
      }),
    ])
    expect((await lab.provision()).code).toBe(0)
  })
})

describe('a turn', () => {
  const limited = ['provision', '--json', '--limit', 'turn-two']
  const problemsOf = (run: Run) => eventsOf(run, 'problem').map((event) => event['problem'] as { found: string })
  const record = '/var/lib/streamside/turns/rolling'
  const ghost = 'ghost@nowhere (streamside provision, pid 1)'
  const isGivenBack = async () =>
    expect(await shellInHost(hosts[0]!, 'cat "$1" 2>&1 || :', [record])).toContain('No such file')

  /** Runs provision on the second host up to where all has arrived and nothing has begun, and lets it go on after `meanwhile`. */
  async function whileSending(meanwhile: () => Promise<void>): Promise<Run> {
    const lock = '/var/lib/streamside/transactions.lock'
    await shellInHost(hosts[1]!, 'systemd-run --quiet --unit=holds-lock flock "$1" sleep 120', [lock])
    const run = lab.run(limited)
    await until('the transaction to wait', 60, async () =>
      (await shellInHost(hosts[1]!, 'pgrep -cx flock || :')).trim() === '2' ? true : null,
    )
    await meanwhile()
    await shellInHost(hosts[1]!, 'systemctl stop holds-lock')
    return run
  }
  const warned = async (text: string) => {
    await shellInHost(hosts[0]!, text)
    // Noticed within 2 s by who holds it, and by whoever sends at once.
    await new Promise((resolve) => setTimeout(resolve, 4000))
  }
  const begun = () => shellInHost(hosts[1]!, 'ls /var/lib/streamside/transactions')

  test('that is lost while its holder is sending is taken again before anything is restarted', async () => {
    const says = await change()
    const run = await whileSending(() => warned("pkill -f '^sh ./turn.sh hold rolling'"))
    expect([run.code, problemsOf(run)]).toEqual([0, []])
    expect(eventsOf(run, 'warning')).toEqual([expect.objectContaining({ code: 'turn-lost', host: 'turn-two' })])
    expect(await page(hosts[1]!)).toContain(says)
    await isGivenBack()
  })

  test('that somebody else has taken meanwhile is not used any more, and nothing is changed', async () => {
    await change()
    const [before, transactions] = [await pids(), await begun()]
    const run = await whileSending(() => warned(`printf 'turn-three\t${ghost}\n' >${record}`))
    expect(run.code).toBe(5)
    expect(problemsOf(run)).toEqual([
      expect.objectContaining({
        code: 'turn-lost',
        host: 'turn-two',
        found: expect.stringMatching(
          /somebody else has taken it; and it cannot be taken again: .* on turn-three by ghost@nowhere/,
        ),
      }),
    ])
    expect([await pids(), await begun()]).toEqual([before, transactions])
  })

  test('whose holder is gone is waited for for 15 minutes, whatever the clock says', async () => {
    for (const time of ['1970-01-02', '2100-01-01']) {
      await leave(`turn-three\t${ghost}\n`, 890)
      await shellInHost(hosts[0]!, 'touch -d "$1" "$2"', [time, record])
      const run = await lab.run(limited)
      expect(run.code).toBe(5)
      expect(problemsOf(run)).toEqual([
        expect.objectContaining({
          code: 'turn-taken',
          found: `it is being restarted on turn-three by ${ghost}, whose connection is gone; after 15 minutes that is taken for over`,
        }),
      ])
    }
    await leave(`turn-three\t${ghost}\n`, 901)
    expect((await lab.run(limited)).code).toBe(0)
    await isGivenBack()
  })

  test('is not held by what somebody has written into its record', async () => {
    for (const text of ['held\n', '\x00\xff\x1b[2J\n\n', `turn-three\x07\t${ghost}\tmore\t7\nheld\n`]) {
      await change()
      // Empty, as after a full disk, it tells as little.
      await leave(text === 'held\n' ? '' : text, 60)
      const early = await lab.run(limited)
      const [problem] = problemsOf(early)
      expect([early.code, problem]).toEqual([5, expect.objectContaining({ code: 'turn-taken' })])
      expect(problem?.found).toMatch(
        text.startsWith('turn-three') ? /^it is being restarted on turn-three by / : /is damaged/,
      )
      // oxlint-disable-next-line no-control-regex -- what is looked for
      expect(problem?.found).not.toMatch(/[\u0000-\u001f]/)
      await leave(text, 901)
      expect((await lab.run(limited)).code).toBe(0)
      await isGivenBack()
    }
    // What is no file is nobody's, and in the way.
    await shellInHost(hosts[0]!, 'mkdir "$1"', [record])
    await change()
    const run = await lab.run([...limited, '--restarts', 'rolling'])
    expect([run.code, problemsOf(run)]).toEqual([5, [expect.objectContaining({ code: 'turn-taken' })]])
    await shellInHost(hosts[0]!, 'rmdir "$1"', [record])
    expect((await lab.provision()).code).toBe(0)
  })
})
