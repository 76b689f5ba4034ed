import { describe, expect, test } from 'vitest'
import { gateUnit } from '../../../src/desired/gate.ts'
import { type Resource, resting, type UnitResource } from '../../../src/desired/resources.ts'
import { planHost } from '../../../src/plan/plan.ts'
import { probeRequest } from '../../../src/plan/probe-request.ts'
import { app } from '../inventory/made.ts'
import { asWanted, emptyFile, hostState } from './hosts.ts'

const unitFile = emptyFile('/etc/systemd/system/web.service')
const main: UnitResource = {
  kind: 'unit',
  name: 'web.service',
  enabled: true,
  active: true,
  app: 'web',
  runsFrom: [unitFile.path],
}
const gate = gateUnit('web')
const check = 'web-check.service'
const resources: Resource[] = [unitFile, resting(gate, 'web'), resting(check, 'web'), main]
const state = hostState([app('web', { databases: { main: '/var/lib/web/a.db' } })], resources)
const restart = 'restart unit web.service restart'

type Observed = ReturnType<typeof asWanted>

/** As the host is when all is well: nothing runs of what rests. */
function quiet(): Observed {
  const observed = asWanted(state)
  for (const name of [gate, check])
    Object.assign(observed.units.get(name) ?? {}, {
      activeState: 'inactive',
      subState: 'dead',
      unitFileState: 'static',
      fragmentPath: `/etc/systemd/system/${name}`,
    })
  return observed
}

function planned(drift: (observed: Observed) => void) {
  const observed = quiet()
  drift(observed)
  const plan = planHost(state, observed)
  return {
    ...plan,
    told: plan.changes.map(({ summary, step }) => [summary.action, summary.kind, summary.name, step.verb].join(' ')),
  }
}

const record = (observed: Observed, start: string) =>
  observed.started.set('web.service', `${observed.started.get('web.service') ?? ''} ${start}`)

test('units that only others start are asked for, and neither enabled nor started', () => {
  expect(probeRequest(resources, [], {}, false).units).toEqual([gate, check, 'web.service'])
  expect(planned(() => {}).told).toEqual([])
})

describe('a drop-in over a gate', () => {
  const override = `/etc/systemd/system/${gate}.d/override.conf`
  const taken = `remove drop-in ${override} set-aside`
  const laid = (observed: Observed) => observed.overrides.set(gate, [override])

  test('is taken out, and the app is started once more, through its gate', () => {
    const { told, changes, started, attendant } = planned(laid)
    expect(told).toEqual([taken, restart])
    expect(changes[1]?.summary.reason).toContain('past its gate')
    expect(started).toEqual(['web'])
    // or an interrupted run would lose the restart
    expect(attendant).toContainEqual({ verb: 'forget', fields: ['web.service'] })
  })

  test('takes no restart when it came after a start that was as laid', () => {
    const { told } = planned((observed) => {
      record(observed, 'a1')
      laid(observed)
    })
    expect(told).toEqual([taken])
  })

  test('takes one when the app was started since', () => {
    const { told } = planned((observed) => {
      record(observed, 'earlier')
      laid(observed)
    })
    expect(told).toEqual([taken, restart])
  })

  test('that its author has taken out again takes one, too: its gate has not recorded the start', () => {
    expect(planned((observed) => record(observed, 'earlier')).told).toEqual([restart])
  })

  test('of an app that is down is taken out, and the app is started as ever', () => {
    const { told } = planned((observed) => {
      Object.assign(observed.units.get('web.service') ?? {}, { activeState: 'failed', subState: 'failed' })
      laid(observed)
    })
    expect(told).toEqual([taken, 'start unit web.service start'])
  })
})

describe('a drop-in over an adopted unit that counts after ours, with a condition of its own', () => {
  const last = '/etc/systemd/system/web.service.d/zzz.conf'
  const of = (adopted: boolean, start: string) => {
    const unit: UnitResource = { ...main, ...(adopted ? { adopted: true as const } : {}) }
    const observed = quiet()
    observed.afterOurs.set(unit.name, [last])
    record(observed, start)
    const { changes } = planHost(
      { ...state, resources: [unitFile, resting(gate, 'web'), resting(check, 'web'), unit] },
      observed,
    )
    return changes.map(({ summary, step }) => [summary.action, summary.kind, summary.name, step.verb].join(' '))
  }
  const taken = `remove drop-in ${last} set-aside`

  test('is taken out, and what was started under it is started once more', () => {
    expect(of(true, 'a1')).toEqual([taken])
    expect(of(true, 'earlier')).toEqual([taken, restart])
  })

  test('is only looked for over those', () => {
    expect(of(false, 'a1')).toEqual([])
  })
})

test('a gate whose own file was edited, and past which the app was started, takes a restart; one that is only new takes none', () => {
  const gateFile = emptyFile(`/etc/systemd/system/${gate}`)
  const edited = hostState(state.apps, [gateFile, ...resources])
  const changes = (start: string) => {
    const observed = asWanted(edited)
    record(observed, start)
    const seen = observed.paths.get(gateFile.path)
    if (seen?.type === 'file') observed.paths.set(gateFile.path, { ...seen, sha256: 'other' })
    return planHost(edited, observed).changes.map(({ step }) => step.verb)
  }
  expect(changes('earlier')).toEqual(['file', 'restart'])
  expect(changes('a1')).toEqual(['file'])
})

test.each(['/etc/systemd/system', '/run/systemd/system', '/etc/systemd/system.control'])(
  'a drop-in over a check in %s is taken out, without any restart',
  (folder) => {
    const override = `${folder}/${check}.d/50-a.conf`
    const { told } = planned((observed) => {
      observed.overrides.set(check, [override])
      observed.units.get(check)?.dropInPaths.push(override)
    })
    expect(told).toEqual([`remove drop-in ${override} set-aside`])
  },
)

test('a unit file that systemd reads in place of a gate is refused', () => {
  const fragmentPath = `/etc/systemd/system.control/${gate}`
  const { told, refused } = planned((observed) => Object.assign(observed.units.get(gate) ?? {}, { fragmentPath }))
  expect(told).toEqual([])
  expect(refused).toMatchObject([
    { code: 'in-the-way', found: expect.stringContaining(fragmentPath), next: expect.stringContaining('move it away') },
  ])
})

test('a drop-in for all names that begin so is told of all units that it changes', () => {
  const prefix = '/etc/systemd/system/web-.service.d/a.conf'
  const { told, warnings } = planned((observed) => {
    for (const name of [gate, check]) observed.units.get(name)?.dropInPaths.push(prefix)
  })
  expect(told).toEqual([])
  expect(warnings).toMatchObject([{ code: 'drop-in-by-prefix', message: expect.stringContaining(`${gate}, ${check}`) }])
})

describe('a drop-in where packages have theirs', () => {
  const elsewhere = `/usr/local/lib/systemd/system/${gate}.d/bent.conf`

  test('over a gate is told of by each run, and the app is restarted once it is gone, not at each run', () => {
    const { told, warnings } = planned((observed) => {
      record(observed, 'earlier')
      observed.overridesElsewhere.set(gate, [elsewhere])
      observed.units.get(gate)?.dropInPaths.push(elsewhere)
    })
    expect(told).toEqual([])
    expect(warnings).toEqual([
      {
        code: 'override-elsewhere',
        app: 'web',
        message: expect.stringMatching(/bent\.conf changes web-gate\.service.*web has started past its gate/),
        next: expect.stringContaining(`dpkg -S ${elsewhere}`),
      },
    ])
    expect(planned((observed) => record(observed, 'earlier')).told).toEqual([restart])
  })

  test('keeps nothing from being restarted that came past a gate which is mended now', () => {
    const override = `/etc/systemd/system/${gate}.d/override.conf`
    const { told, warnings } = planned((observed) => {
      observed.overrides.set(gate, [override])
      observed.overridesElsewhere.set(gate, [elsewhere])
    })
    expect(told).toEqual([`remove drop-in ${override} set-aside`, restart])
    expect(warnings[0]?.message).toContain('web may start past its gate')
  })

  test('is named by the restart that no start of the app is recorded for', () => {
    const { changes } = planned((observed) => {
      observed.started.delete('web.service')
      observed.overridesElsewhere.set(gate, [elsewhere])
    })
    expect(changes.map(({ summary }) => summary.reason)).toEqual([expect.stringContaining(elsewhere)])
  })

  test('over the app or its check is told of as systemd has it, once, and changes nothing', () => {
    const loaded = '/lib/systemd/system/web.service.d/a.conf'
    const { told, warnings } = planned((observed) => {
      record(observed, 'a1')
      observed.overridesElsewhere
        .set('web.service', [`/usr${loaded}`])
        .set(check, [`/usr/lib/systemd/system/${check}.d/b.conf`])
      observed.units.get('web.service')?.dropInPaths.push(loaded, '/usr/lib/systemd/system/service.d/all.conf')
    })
    expect(told).toEqual([])
    expect(warnings.map(({ message }) => message.split(',')[0])).toEqual([
      `/usr/lib/systemd/system/${check}.d/b.conf changes ${check}`,
      `/usr${loaded} changes web.service`,
    ])
  })

  test("over a service's own unit is its package's, and nobody's concern", () => {
    const adopted: UnitResource = { ...main, adopted: true }
    const service = hostState(state.apps, [unitFile, resting(gate, 'web'), adopted])
    const observed = asWanted(service)
    Object.assign(observed.units.get(gate) ?? {}, { activeState: 'inactive', subState: 'dead' })
    observed.overridesElsewhere.set('web.service', ['/usr/lib/systemd/system/web.service.d/a.conf'])
    observed.units.get('web.service')?.dropInPaths.push('/usr/lib/systemd/system/web.service.d/a.conf')
    expect(planHost(service, observed)).toMatchObject({ changes: [], warnings: [] })
  })
})
