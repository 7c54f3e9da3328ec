/**
 * Prometheus's own judge of rules: `promtool test rules`.
 * @module
 */
import { execFile } from 'node:child_process'
import { mkdtemp, rm, writeFile } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { promisify } from 'node:util'
import { realServerPrograms } from '@chaveiro/dev'
import { renderRules } from '@chaveiro/monitoring'
import type { InputSeries } from './day.js'

export interface Firing {
  readonly exp_labels: Readonly<Record<string, string>>
  readonly exp_annotations: Readonly<Record<string, string>>
}

/** At a moment, exactly these firings of an alert. */
export interface Expectation {
  readonly minute: number
  readonly alert: string
  readonly firings: readonly Firing[]
}

/** @throws what promtool says, when the rules do not do what is expected */
export async function testRules(series: readonly InputSeries[], expected: readonly Expectation[]): Promise<void> {
  const alertTests = expected.map(({ minute, alert, firings }) => ({
    eval_time: `${minute}m`,
    alertname: alert,
    exp_alerts: firings,
  }))
  // promtool reads YAML, which JSON is.
  const test = {
    rule_files: ['rules.yaml'],
    evaluation_interval: '1m',
    tests: [{ interval: '1m', input_series: series, alert_rule_test: alertTests }],
  }
  await promtool({ 'rules.yaml': renderRules(), 'test.json': JSON.stringify(test) }, (folder) => [
    'test',
    'rules',
    join(folder, 'test.json'),
  ])
}

/** Runs promtool on these files. @returns what it printed */
export async function promtool(
  files: Readonly<Record<string, string>>,
  args: (folder: string) => readonly string[],
): Promise<string> {
  const { promtool: program } = await realServerPrograms('prometheus')
  const folder = await mkdtemp(join(tmpdir(), 'chaveiro-promtool-'))
  try {
    for (const [name, text] of Object.entries(files)) await writeFile(join(folder, name), text)
    const { stdout } = await promisify(execFile)(program as string, [...args(folder)])
    return stdout
  } finally {
    await rm(folder, { recursive: true })
  }
}
