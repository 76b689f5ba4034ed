import { expect, test } from 'vitest'
import { formatLogLine, inOrder } from '../../../src/report/log-lines.ts'

test('lines of several hosts stand in the order of their times, whichever Debian wrote them', () => {
  const lines = [
    { host: 'pi', line: '2026-11-21T10:00:01.000000+0000 a' },
    { host: 'pi', line: '    goes on' },
    { host: 'pi', line: '2026-11-21T10:00:03.000000+0000 c' },
    { host: 'pi-two', line: '2026-11-21T10:00:02.000000+00:00 b' },
  ]
  expect(inOrder(lines).map(({ line }) => line.trim().slice(-1))).toEqual(['a', 'n', 'b', 'c'])
  expect(inOrder([])).toEqual([])
})

test('the host stands before a line when there are several', () => {
  const line = { host: 'pi', line: 'a\u001b[31m' }
  expect(formatLogLine(line, ['pi', 'pi-two'], false)).toBe('pi      a␛[31m')
  expect(formatLogLine(line, ['pi'], true)).toBe('a␛[31m')
  expect(formatLogLine(line, ['pi', 'pi-two'], true)).toContain('[36mpi    \u001b[39m  a')
})
