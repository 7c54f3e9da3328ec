import { defineConfig } from 'vitest/config'

// Tests import what a user imports; this condition makes the packages' doors lead to their sources.
const conditions = ['@chaveiro/source']
const fromSource = { resolve: { conditions }, ssr: { resolve: { conditions } } }

export default defineConfig({
  test: {
    reporters: ['default', './tools/test-run/closing-reporter.js'],
    projects: [
      {
        ...fromSource,
        test: {
          name: 'packages',
          include: ['packages/*/test/**/*.test.ts', 'test/{checks,helm,monitoring,simulation}/**/*.test.ts'],
          testTimeout: 20_000,
          hookTimeout: 60_000,
          sequence: { groupOrder: 0 },
        },
      },
      {
        // Real processes with real, short lives. They wait more than they work, so two files run side by side.
        ...fromSource,
        test: {
          name: 'servers',
          include: ['test/**/*.test.ts'],
          exclude: ['test/{checks,helm,monitoring,simulation}/**'],
          testTimeout: 60_000,
          hookTimeout: 120_000,
          maxWorkers: 2,
          sequence: { groupOrder: 1 },
        },
      },
    ],
  },
})
