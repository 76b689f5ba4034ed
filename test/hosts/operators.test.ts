import { beforeAll, describe, expect, test } from 'vitest'
import { hostProgram } from '../../src/templates/render.ts'
import { freezeS3, type LabHost, putFile, shellInHost, thawS3 } from '../lab/index.ts'
import { changesOf, leftovers, mendSystemctl } from './host-state.ts'
import { eventsOf, notesApp, readRows, type Run, type Site, site, until, writeRow } from './site.ts'

let lab: Site
let one: LabHost
let two: LabHost
let apps: Record<string, Record<string, unknown>>
const ports = { one: 8161, two: 8162, third: 8163, fourth: 8164 }

beforeAll(async () => {
  apps = { 'op-first': notesApp('op-one', ports.one), 'op-second': notesApp('op-two', ports.two) }
  lab = await site('operators', [{ name: 'op-one' }, { name: 'op-two', suite: 'trixie' }], { apps })
  one = lab.host('op-one')
  two = lab.host('op-two')
  await lab.provision()
  await writeRow(one, ports.one, 'kept')
  await slowChecks(one)
})

/** The real check, after some seconds: time enough for a second operator. */
async function slowChecks(host: LabHost): Promise<void> {
  await shellInHost(
    host,
    'mv /usr/bin/systemd-analyze /usr/bin/systemd-analyze.real && ' +
      `printf '#!/bin/sh\\nsleep 5\\nexec systemd-analyze.real "$@"\\n' >/usr/bin/systemd-analyze && ` +
      'chmod 755 /usr/bin/systemd-analyze',
  )
}

let turn = 0
/** Something to do on both hosts, a unit file among it. */
async function change(): Promise<void> {
  turn += 1
  for (const name of Object.keys(apps))
    apps[name] = {
      ...apps[name],
      environment: { DATABASE: 'data/notes.db', GREETING: `turn ${turn}` },
      sandbox: { 'deny-write-execute': turn % 2 === 1 },
    }
  await lab.rewrite({ apps })
}

/** Runs provision on the first host, and lets `meanwhile` happen when its transaction is under way. */
async function whileFirstIsAtWork<T>(meanwhile: (pid: number) => Promise<T>): Promise<{ first: Run; second: T }> {
  let pid = 0
  const second: Promise<T>[] = []
  const first = await lab.run(['provision', '--json', '--limit', 'op-one'], {
    onStart: (started) => {
      pid = started
    },
    onLine: (line) => {
      const event = JSON.parse(line) as { type: string; step?: string }
      if (second.length === 0 && event.type === 'host-step' && event.step === 'validate') second.push(meanwhile(pid))
    },
  })
  if (second[0] === undefined) throw new Error(`provision never came to its checks:\n${first.stdout}`)
  return { first, second: await second[0] }
}

const problemsOf = (run: Run) => eventsOf(run, 'problem').map((event) => event['problem'])
const outcomes = (run: Run) =>
  Object.fromEntries(eventsOf(run, 'host-done').map((event) => [event['host'], event['outcome']]))

const lockedBy = expect.objectContaining({
  code: 'locked',
  host: 'op-one',
  found: expect.stringMatching(
    /^it is locked by \S+@\S+ \(streamside provision, pid \d+\), since \d{4}-\d\d-\d\d \d\d:\d\d:\d\d UTC /,
  ),
  next: expect.stringContaining('--break-lock'),
})

describe('a second operator', () => {
  test('is told who holds the host, with exit 5, and disturbs nothing', async () => {
    await change()
    const { first, second } = await whileFirstIsAtWork(() => lab.run(['provision', '--json', '--limit', 'op-one']))
    expect(second.code).toBe(5)
    expect(problemsOf(second)).toEqual([lockedBy])
    expect(first.code).toBe(0)
    expect(outcomes(first)).toEqual({ 'op-one': 'changed' })
  })

  test('whose hosts overlap gets the others done', async () => {
    await change()
    const { first, second } = await whileFirstIsAtWork(() => lab.run(['provision', '--json']))
    expect(second.code).toBe(5)
    expect(outcomes(second)).toEqual({ 'op-one': 'locked', 'op-two': 'changed' })
    expect(problemsOf(second)).toEqual([lockedBy])
    expect(first.code).toBe(0)
  })

  test('may look meanwhile, and is told', async () => {
    await change()
    const { second } = await whileFirstIsAtWork(() => lab.run(['plan', '--json', '--limit', 'op-one']))
    expect(second.code).toBe(7)
    expect(eventsOf(second, 'warning')).toEqual([expect.objectContaining({ code: 'transaction-under-way' })])
    await lab.provision()
  })

  test('at the very same moment: one transaction a host runs, and the others are told of it', async () => {
    await change()
    const runs = await Promise.all(Array.from({ length: 3 }, () => lab.run(['provision', '--json'])))
    // whose plan is older than what another run has done by then is told so, and changes nothing
    for (const problem of runs.flatMap(problemsOf))
      expect(['locked', 'overtaken']).toContain((problem as { code: string }).code)
    for (const host of ['op-one', 'op-two'])
      expect(runs.filter((run) => outcomes(run)[host] === 'changed')).toHaveLength(1)
    expect(changesOf(await lab.provision())).toEqual([])
    expect(await readRows(one, ports.one)).toEqual(['kept'])
  })

  test('of a host whose holder was killed follows what is under way', async () => {
    await change()
    const { second } = await whileFirstIsAtWork((pid) => {
      process.kill(pid, 'SIGKILL')
      return lab.run(['provision', '--json'])
    })
    expect(second.code).toBe(0)
    expect(eventsOf(second, 'warning')).toContainEqual(expect.objectContaining({ code: 'transaction-under-way' }))
  })

  test('who left a plan lying does not carry it out over what another has recorded since', async () => {
    // It has to make an owner object first, and cannot: the time in which its plan grows old.
    await lab.rewrite({
      apps: { 'op-second': apps['op-second'] ?? {}, 'op-third': notesApp('op-one', ports.third) },
    })
    const overtake = async (wanted: typeof apps) => {
      try {
        await lab.rewrite({ apps: wanted })
        return await lab.run(['provision', '--json', '--limit', 'op-one'])
      } finally {
        await thawS3(lab.lab.instance)
      }
    }
    let meanwhile: Promise<Run> | undefined
    await freezeS3(lab.lab.instance)
    const first = await lab.run(['provision', '--json', '--limit', 'op-one'], {
      onLine: (line) => {
        // its answer is what the plan will be made from
        if ((JSON.parse(line) as { step?: string }).step !== 'probe' || meanwhile) return
        const fourth = { ...notesApp('op-one', ports.fourth), database: undefined, environment: {} }
        meanwhile = overtake({ ...apps, 'op-fourth': fourth })
      },
    })
    expect(await meanwhile).toMatchObject({ code: 0 })
    expect(first.code).toBe(5)
    expect(problemsOf(first)).toEqual([
      expect.objectContaining({
        code: 'overtaken',
        found: expect.stringMatching(/of \S+@\S+ \(streamside provision, pid \d+\) has been/),
      }),
    ])
    const manifest = await shellInHost(one, 'cat /var/lib/streamside/manifest')
    expect(JSON.parse(manifest)).toMatchObject({ apps: ['op-first', 'op-fourth'] })
  })

  test('ends it with --break-lock, and the first is told by whom', async () => {
    await change()
    const { first, second } = await whileFirstIsAtWork(() =>
      lab.run(['provision', '--json', '--limit', 'op-one', '--break-lock']),
    )
    expect(second.code).toBe(0)
    expect(outcomes(second)).toEqual({ 'op-one': 'changed' })
    const found = / was ended in the middle; it was at work, and they were watching it$/
    expect(eventsOf(second, 'warning')[0]).toMatchObject({ code: 'lock-broken', message: expect.stringMatching(found) })
    expect(first.code).toBe(1)
    expect(problemsOf(first)).toEqual([
      expect.objectContaining({
        code: 'transaction-cut',
        found: expect.stringMatching(
          /was ended in the middle by \S+@\S+ \(streamside provision, pid \d+\) with --break-lock$/,
        ),
      }),
    ])
    expect(await leftovers(one)).toEqual([])
    expect(changesOf(await lab.provision(['--limit', 'op-one']))).toEqual([])
    expect(await readRows(one, ports.one)).toEqual(['kept'])
    expect(await readRows(two, ports.two)).toEqual([])
  })

  test('who ends it while it waits for an app to be healthy has that to wait for', async () => {
    apps['op-first'] = { ...apps['op-first'], health: { command: ['test', '-e', 'well'], within: '60s' } }
    await change()
    const isUp = async () => (await shellInHost(one, 'systemctl is-active op-first || :')) === 'active\n'
    const isHealth = (line: string) => (JSON.parse(line) as { step?: string }).step === 'health'
    const touched: Promise<unknown>[] = []
    const second: Promise<Run>[] = []
    const first = await lab.run(['provision', '--json', '--limit', 'op-one'], {
      onLine: (line) => {
        if (second.length > 0 || !isHealth(line)) return
        const meanwhile = async () => {
          await until('it to be up', 60, async () => ((await isUp()) ? true : null))
          return lab.run(['provision', '--json', '--limit', 'op-one', '--break-lock'], {
            onLine: (said) => {
              if (isHealth(said)) touched.push(shellInHost(one, 'runuser -u op-first touch /var/lib/op-first/well'))
            },
          })
        }
        second.push(meanwhile())
      },
    })
    expect(first.code).toBe(1)
    const run = await second[0]
    expect([run?.code, run && changesOf(run)]).toEqual([0, ['check op-first.service']])
    expect(touched).toHaveLength(1)
    expect(changesOf(await lab.provision(['--limit', 'op-one']))).toEqual([])
  })

  test('breaks with --break-lock what another begins in the very moment, too, and not what has ended by itself', async () => {
    await change()
    // The stop of the first transaction lets a third operator's begin, as it may between any two looks.
    const third = '20261121T101010-0000000a'
    await shellInHost(
      one,
      `begin() { # ID
         mkdir -p "/var/lib/streamside/transactions/$1" && cd "/var/lib/streamside/transactions/$1"
         echo "third@elsewhere (streamside provision, pid 3)" >who && : >journal
         systemd-run --quiet --unit="streamside-apply-$1" --collect sleep 600
       }
       begin 20261121T090909-00000009
       mv /usr/bin/systemctl /usr/bin/systemctl.real
       cat >/usr/bin/systemctl <<'END'
#!/bin/sh
systemctl.real "$@" || exit
case $* in 'stop streamside-apply-20261121T090909-00000009.service') ;; *) exit 0 ;; esac
mkdir -p /var/lib/streamside/transactions/${third} && cd /var/lib/streamside/transactions/${third}
echo "third@elsewhere (streamside provision, pid 3)" >who && : >journal
systemd-run --quiet --unit=streamside-apply-${third} --collect sleep 600
END
       chmod 755 /usr/bin/systemctl`,
    )
    const run = await lab.run(['provision', '--json', '--limit', 'op-one', '--break-lock'])
    await mendSystemctl(one)
    expect([run.code, outcomes(run)]).toEqual([0, { 'op-one': 'changed' }])
    expect(eventsOf(run, 'warning').filter(({ code }) => code === 'lock-broken')).toHaveLength(2)
    expect(JSON.stringify(eventsOf(run, 'warning'))).toContain('nobody was watching it any more')
    await putFile(one, '/root/run', hostProgram('apply/run'), { mode: '0700' })
    const ended = await shellInHost(
      one,
      'cd /var/lib/streamside/transactions; id=$(ls -t | head -n 1); sh /root/run break "$id" me; ls "$id/broken" 2>&1 || :',
    )
    expect(ended).toMatch(/^ended\n.*No such file/)
  })
})
