/**
 * What linters of rules ask for, and what makes an alert of use at night.
 */
import { readFileSync } from 'node:fs'
import { join } from 'node:path'
import { type MetricDefinition, type MetricName, metricDefinitions } from '@chaveiro/integration'
import { alertGroups, metricsIn, runbookUrl } from '@chaveiro/monitoring'
import { describe, expect, it } from 'vitest'
import { parse } from 'yaml'

const root = join(import.meta.dirname, '..', '..')
const delivered = parse(readFileSync(join(root, 'monitoring', 'alerts', 'vault-spiffe-alerts.yaml'), 'utf8')) as {
  groups: {
    name: string
    rules: {
      alert: string
      expr: string
      for: string
      labels: Record<string, string>
      annotations: Record<string, string>
    }[]
  }[]
}
const rules = delivered.groups.flatMap((group) => group.rules)
const names = rules.map(({ alert }) => alert)
const registry: Readonly<Record<string, MetricDefinition>> = metricDefinitions

/** Scrapes come a minute apart at most; a range must see four of them. */
const shortestRangeMinutes = 4

const minutes = (text: string): number => {
  const [, amount, unit] = /^(\d+)([smhd])$/.exec(text) ?? []
  const inMinutes = { s: 1 / 60, m: 1, h: 60, d: 1440 }[unit ?? '']
  if (inMinutes === undefined) throw new Error(`not a duration: ${text}`)
  return Number(amount) * inMinutes
}

describe.each(rules)('$alert', ({ alert, expr, for: holds, labels, annotations }) => {
  it('has a severity that tells whether to get up', () => {
    expect(Object.keys(labels)).toEqual(['severity'])
    expect(['critical', 'warning']).toContain(labels.severity)
  })

  it('has a summary that never changes, a description that tells where, and a runbook', () => {
    expect(Object.keys(annotations).toSorted()).toEqual(['description', 'runbook_url', 'summary'])
    expect(annotations.summary).toMatch(/^[A-Z][^{}]*\.$/)
    expect(annotations.description).toMatch(/^\S.*\.$/)
    if (!expr.startsWith('absent(')) expect(annotations.description).toContain('{{ $labels.job }}')
    expect(annotations.runbook_url).toBe(runbookUrl(alert))
  })

  it('speaks in its description only of labels that its expression leaves', () => {
    const spoken = [...(annotations.description ?? '').matchAll(/\$labels\.(\w+)/g)].map(([, label]) => label as string)
    const kept = /^(?:sum|count|histogram_quantile)\b.*?by \(([^)]*)\)/s.exec(expr)?.[1]?.split(', ')
    const always = ['namespace', 'job', 'instance']
    const own = metricsIn(expr).flatMap((name) => Object.keys(registry[name]?.labels ?? {}))
    for (const label of spoken) expect(kept ?? [...always, ...own]).toContain(label)
  })

  it('compares something, and waits for longer than one blip', () => {
    expect(expr).toMatch(/[<>]=? -?[\d.]+|^absent\(/)
    expect(minutes(holds)).toBeGreaterThanOrEqual(1)
  })

  it('names only metrics that the code emits, with labels and values that they have', () => {
    const named = metricsIn(expr)
    expect(named.length).toBeGreaterThan(0)
    for (const name of named) expect(Object.keys(registry)).toContain(name)
    for (const [, name = '', matchers = ''] of expr.matchAll(/([a-z][a-z0-9_]+)\{([^}]*)\}/g)) {
      const { labels: own } = registry[metricsIn(name)[0] as MetricName] as MetricDefinition
      for (const [, label = '', values = ''] of matchers.matchAll(/(\w+)(?:=~|!~|!=|=)"([^"]*)"/g)) {
        if (label === 'le') continue
        expect(Object.keys(own)).toContain(label)
        for (const value of values.split('|')) expect(own[label]).toContain(value)
      }
    }
  })

  it('looks at counters by their growth only, over ranges that see four scrapes', () => {
    for (const name of metricsIn(expr).filter((each) => registry[each]?.type !== 'gauge')) {
      const uses = [...expr.matchAll(new RegExp(`(\\w+)\\(${name}\\w*(?:\\{[^}]*\\})?\\[`, 'g'))]
      expect(uses.length).toBe([...expr.matchAll(new RegExp(`\\b${name}`, 'g'))].length)
      for (const [, wrapped] of uses) expect(['rate', 'increase']).toContain(wrapped)
    }
    for (const [, range = ''] of expr.matchAll(/\[(\w+)\]/g)) {
      expect(minutes(range)).toBeGreaterThanOrEqual(shortestRangeMinutes)
    }
  })

  it('neither picks the largest few, nor reckons with hours where a life has its own measure', () => {
    expect(expr).not.toMatch(/\b(topk|bottomk|limitk)\b/)
    expect(expr).not.toMatch(/(?<!\/ )\b\w+_(?:ttl|lifetime)_seconds(?:\{[^}]*\})? *[<>]/)
  })
})

describe('all rules', () => {
  it('have names of one family, each once', () => {
    expect(new Set(names).size).toBe(names.length)
    for (const name of names) expect(name).toMatch(/^Chaveiro([A-Z][a-z]+)+$/)
  })

  it('are those of the source', () => {
    expect(names).toEqual(alertGroups.flatMap((group) => group.rules.map(({ alert }) => alert)))
  })

  it('have a heading each in the runbook, with what to know and what to do, and there is no other', () => {
    const page = readFileSync(join(root, 'docs', 'runbooks', 'alerts.md'), 'utf8')
    const [, ...chapters] = page.split(/^## /m)
    expect(chapters.map((chapter) => chapter.slice(0, chapter.indexOf('\n')))).toEqual(names)
    for (const [index, chapter] of chapters.entries()) {
      const parts = [...chapter.matchAll(/^\*\*(\w+)\.\*\* \S/gm)].map(([, part]) => part)
      expect(parts).toEqual(['Meaning', 'Impact', 'Diagnosis', 'Mitigation'])
      expect(chapter.toLowerCase()).toContain(`\n${rules[index]?.labels.severity}.\n`)
      for (const [, anchor] of chapter.matchAll(/\]\(#([^)]+)\)/g)) {
        expect(names.map((name) => name.toLowerCase())).toContain(anchor)
      }
    }
  })
})
