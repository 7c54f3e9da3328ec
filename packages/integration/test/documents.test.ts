import { describeConfiguration, logEvents, type MetricDefinition, metricDefinitions } from '@chaveiro/integration'
import { describe, expect, it } from 'vitest'

/** A cell of a Markdown table. */
const cell = (text: string): string => text.replaceAll('|', '\\|')
const code = (text: string): string => `\`${text}\``
const row = (...cells: string[]): string => `| ${cells.map(cell).join(' | ')} |`

function configurationPage(): string {
  const rows = describeConfiguration().map(({ key, variables, expects, default: preset, summary }) =>
    row(
      variables.map(code).join(', '),
      key === undefined ? '' : code(key),
      summary,
      expects,
      preset === undefined ? '' : code(preset),
    ),
  )
  return `# Configuration

Variables come first, the file that \`CHAVEIRO_CONFIG\` names second, what the service's code sets third. Where several
variables are named, the first one that is set wins. An empty variable counts as not set. An unknown \`CHAVEIRO_*\`
variable, an unknown key of the file, a value of the wrong kind and settings that contradict each other are errors:
each names the key, where the value came from, and the cure.

The file is YAML, with a mapping for each section: \`vault.address\` is \`address\` below \`vault\`.

| variables | key in the file | what it does | must be | default |
|---|---|---|---|---|
${rows.join('\n')}

\`VAULT_TOKEN\` is for operators and is not read by a service. \`VAULT_SKIP_VERIFY\` is refused.
`
}

function telemetryPage(): string {
  const metrics = Object.entries<MetricDefinition>(metricDefinitions).map(([name, { type, labels, help }]) =>
    row(
      code(name),
      type,
      Object.entries(labels)
        .map(
          ([label, values]) =>
            `${code(label)}: ${values === 'service_name' ? 'the name of the service' : values.join(', ')}`,
        )
        .join('; '),
      help,
    ),
  )
  const events = Object.entries(logEvents).map(([name, { level, component, summary }]) =>
    row(code(name), level, component, summary),
  )
  return `# Telemetry

## Metrics

Served at \`/metrics\`. The values of every label come from a closed set; what is outside of it is counted as \`other\`.

| metric | type | labels | meaning |
|---|---|---|---|
${metrics.join('\n')}

## Log events

JSON lines. Each has \`timestamp\` (ISO 8601, UTC), \`level\`, \`service\`, \`component\`, \`event\` and \`reason\`, and
\`correlation_id\` where there is a call or an attempt that it belongs to. Never a token, a key, a password, a whole JWT.

| event | level | component | meaning |
|---|---|---|---|
${events.join('\n')}
`
}

describe('documents that are written from the tables of the code (vitest -u writes them anew)', () => {
  it('docs/configuration.md', async () => {
    await expect(configurationPage()).toMatchFileSnapshot('../../../docs/configuration.md')
  })

  it('docs/telemetry.md', async () => {
    await expect(telemetryPage()).toMatchFileSnapshot('../../../docs/telemetry.md')
  })
})
