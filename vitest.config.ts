import { defineConfig } from 'vitest/config'
import { workers } from './test/workers.ts'

export default defineConfig({
  test: {
    // The runner's own closing line is `N passed, N failed, N skipped`, alone on a line, over all projects.
    reporters: ['default', './test/closing-line.ts'],
    projects: [
      { test: { name: 'unit', include: ['test/unit/**/*.test.ts'], testTimeout: 60_000, sequence: { groupOrder: 0 } } },
      {
        test: {
          name: 'hosts',
          include: ['test/hosts/**/*.test.ts'],
          globalSetup: ['test/hosts/global-setup.ts'],
          setupFiles: ['test/hosts/switch-off.ts'],
          // after all unit tests: promises with seconds in them are not tried beside a busy neighbour
          sequence: { groupOrder: 1 },
          maxWorkers: workers,
          // a machine may be slow; what has to be quick says so itself
          testTimeout: 240_000,
          hookTimeout: 600_000,
        },
      },
    ],
  },
})
