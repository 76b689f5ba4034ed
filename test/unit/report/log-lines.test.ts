import { expect, test } from 'vitest'
import { createLogLines } from '../../../src/report/log-lines.ts'

function lines(hosts: string[], live: boolean) {
  const out: string[] = []
  const log = createLogLines((host, line) => out.push(host === null ? line : `${host}|${line}`))
  log.begin(hosts, live)
  return { log, out }
}

test('lines of several hosts stand in the order of their times, whichever Debian wrote them', () => {
  const { log, out } = lines(['pi', 'pi-two'], false)
  log.take('pi', '2026-11-21T10:00:01.000000+0000 a')
  log.take('pi', '    goes on')
  log.take('pi', '2026-11-21T10:00:03.000000+0000 c')
  log.take('pi-two', '2026-11-21T10:00:02.000000+00:00 b')
  expect(out).toEqual([])
  log.end()
  expect(out).toEqual([
    'pi    |2026-11-21T10:00:01.000000+0000 a',
    'pi    |    goes on',
    'pi-two|2026-11-21T10:00:02.000000+00:00 b',
    'pi    |2026-11-21T10:00:03.000000+0000 c',
  ])
})

test('lines that are followed come as they come; an empty one only asks whether anybody reads', () => {
  const { log, out } = lines(['pi', 'pi-two'], true)
  log.take('pi-two', '2026-11-21T10:00:02.000000+00:00 b')
  log.take('pi', '')
  log.take('pi', '2026-11-21T10:00:01.000000+0000 a\u001b[31m')
  expect(out).toEqual(['pi-two|2026-11-21T10:00:02.000000+00:00 b', 'pi    |2026-11-21T10:00:01.000000+0000 a␛[31m'])
})

test('the lines of one host have no name before them', () => {
  const { log, out } = lines(['pi'], false)
  log.take('pi', 'x')
  log.end()
  expect(out).toEqual(['x'])
})
