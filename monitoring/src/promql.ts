/**
 * PromQL from the registry of metrics: a name, a label or a value that no code emits does not compile.
 * @module
 */
import { type MetricLabels, type MetricName, metricDefinitions } from '@chaveiro/integration'

type NamesOf<Type extends string> = {
  [Name in MetricName]: (typeof metricDefinitions)[Name]['type'] extends Type ? Name : never
}[MetricName]

export type CounterName = NamesOf<'counter'>
export type HistogramName = NamesOf<'histogram'>

/** A label must be this value, one of these, or none of these. */
export type Matchers<Name extends MetricName> = {
  readonly [Label in keyof MetricLabels<Name>]?:
    | MetricLabels<Name>[Label]
    | readonly MetricLabels<Name>[Label][]
    | { readonly not: readonly MetricLabels<Name>[Label][] }
}

/** Labels that Prometheus adds: one service, however many processes it has. */
export const perService = 'namespace, job'
/** One process of a service. */
export const perProcess = 'namespace, job, instance'

/** Writes the parts of queries. */
export interface Promql {
  /** `name{label="value",…}` */
  series<Name extends MetricName>(name: Name, matchers?: Matchers<Name>): string
  /** Growth of a counter over a range. */
  increase<Name extends CounterName>(name: Name, range: string, matchers?: Matchers<Name>): string
  /** Growth of a counter, for each second. */
  rate<Name extends CounterName>(name: Name, range: string, matchers?: Matchers<Name>): string
  /** Seconds that a share of the observations stayed below. */
  quantile(share: number, name: HistogramName, range: string, by: string): string
  /** How many observations over a range were above the bound of a bucket. */
  slower(seconds: number, name: HistogramName, range: string, by: string): string
}

/** @param scope - matchers that every selector bears, as PromQL: a dashboard narrows to what its reader chose */
export function promql(scope: readonly string[] = []): Promql {
  const selector = (name: string, matchers: object = {}): string => {
    const all = [...Object.entries(matchers).map(([label, values]) => matcher(label, values)), ...scope]
    return all.length === 0 ? name : `${name}{${all.join(',')}}`
  }
  return {
    series: (name, matchers) => selector(name, matchers),
    increase: (name, range, matchers) => `increase(${selector(name, matchers)}[${range}])`,
    rate: (name, range, matchers) => `rate(${selector(name, matchers)}[${range}])`,
    quantile: (share, name, range, by) =>
      `histogram_quantile(${share}, sum by (${by}, le) (rate(${selector(`${name}_bucket`)}[${range}])))`,
    slower: (seconds, name, range, by) => {
      const upTo = (le: string): string => `sum by (${by}) (increase(${selector(`${name}_bucket`, { le })}[${range}]))`
      return `${upTo('+Inf')} - ${upTo(String(seconds))}`
    },
  }
}

function matcher(label: string, values: string | readonly string[] | { readonly not: readonly string[] }): string {
  if (typeof values === 'string') return `${label}="${values}"`
  return 'not' in values ? `${label}!~"${values.not.join('|')}"` : `${label}=~"${values.join('|')}"`
}

const suffix = /_(bucket|sum|count)$/
const families = Object.keys(metricDefinitions).map((name) => name.split('_')[0])
/** A name that begins as ours do, and is not a label that is matched or grouped by. */
const candidate = new RegExp(`\\b(?:${[...new Set(families)].join('|')})_[a-z0-9_]+\\b`, 'g')

/** Every metric of ours that a query names, without the suffixes of a histogram; whether or not the code emits it. */
export function metricsIn(query: string): readonly string[] {
  return [...new Set(query.match(candidate) ?? [])].map((name) => {
    const base = name.replace(suffix, '')
    return metricDefinitions[base as MetricName]?.type === 'histogram' ? base : name
  })
}
