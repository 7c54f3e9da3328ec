/**
 * The instruments behind the registry of metrics: one Prometheus registry of its own, filled from the definitions.
 * @module
 */
import { Counter, Gauge, Histogram, Registry } from 'prom-client'
import {
  type LabelValues,
  type MetricDefinition,
  type MetricLabels,
  type MetricName,
  metricDefinitions,
  otherValue,
} from './metrics.js'

type NamesOf<Type> = {
  [Name in MetricName]: (typeof metricDefinitions)[Name]['type'] extends Type ? Name : never
}[MetricName]

export type CounterName = NamesOf<'counter'>
export type GaugeName = NamesOf<'gauge'>
export type HistogramName = NamesOf<'histogram'>

/** Labels as they come from events; {@link Meters} holds them to their closed sets. */
type GivenLabels<Name extends MetricName> = { readonly [Label in keyof MetricLabels<Name>]: string }

/** One sample of a gauge. */
export interface Sample<Name extends GaugeName> {
  readonly labels: GivenLabels<Name>
  readonly value: number
}

/** Read when somebody scrapes, so that what counts down is never stale. */
export type GaugeReader<Name extends GaugeName> = () => Iterable<Sample<Name>>

/** A counter with more combinations of labels than this begins with its first event. */
const mostAtZero = 20

/** Counts, observes, and renders. A failing reader leaves its gauge out and harms no other. */
export class Meters {
  readonly #registry = new Registry()
  readonly #instruments = new Map<string, Counter | Gauge | Histogram>()
  readonly #readers = new Map<string, GaugeReader<GaugeName>>()

  readonly #serviceName: string

  /** @param serviceName - the one value of the label `service` */
  constructor(serviceName: string) {
    this.#serviceName = serviceName
    for (const [name, definition] of Object.entries<MetricDefinition>(metricDefinitions)) {
      this.#instruments.set(name, this.#instrument(name, definition))
    }
  }

  /** Media type of {@link render}. */
  get contentType(): string {
    return this.#registry.contentType
  }

  count<Name extends CounterName>(name: Name, labels: GivenLabels<Name>): void {
    const counter = this.#instruments.get(name)
    if (counter instanceof Counter) counter.inc(this.#closed(name, labels))
  }

  observe<Name extends HistogramName>(name: Name, labels: GivenLabels<Name>, seconds: number): void {
    const histogram = this.#instruments.get(name)
    if (histogram instanceof Histogram && Number.isFinite(seconds))
      histogram.observe(this.#closed(name, labels), seconds)
  }

  /** From now on, each scrape asks `read` for the samples of this gauge. */
  read<Name extends GaugeName>(name: Name, read: GaugeReader<Name>): void {
    this.#readers.set(name, read as GaugeReader<GaugeName>)
  }

  /** The Prometheus text format. */
  render(): Promise<string> {
    return this.#registry.metrics()
  }

  #instrument(name: string, definition: MetricDefinition): Counter | Gauge | Histogram {
    const shape = {
      name,
      help: definition.help,
      labelNames: Object.keys(definition.labels),
      registers: [this.#registry],
    }
    switch (definition.type) {
      case 'counter':
        return this.#startAtZero(new Counter(shape), definition)
      case 'histogram':
        return new Histogram({ ...shape, buckets: [...(definition.buckets ?? [])] })
      case 'gauge':
        return this.#gauge(shape)
      default:
        return definition.type satisfies never
    }
  }

  #gauge(shape: { name: string; help: string; labelNames: string[]; registers: Registry[] }): Gauge {
    const readers = this.#readers
    const closed = (labels: Readonly<Record<string, string>>): Record<string, string> =>
      this.#closed(shape.name as GaugeName, labels)
    return new Gauge({
      ...shape,
      collect() {
        this.reset()
        // prom-client gives a gauge without labels the value 0 of nothing; a missing credential has no sample.
        if (shape.labelNames.length === 0) this.remove()
        for (const { labels, value } of samplesOf(readers.get(shape.name))) {
          this.set(closed(labels), value)
        }
      },
    })
  }

  /** A counter that appears with its first event loses that event to `increase()`: those with few labels begin at zero. */
  #startAtZero(counter: Counter, definition: MetricDefinition): Counter {
    const combinations = Object.entries(definition.labels).reduce<Record<string, string>[]>(
      (sets, [label, values]) =>
        sets.flatMap((set) =>
          (values === 'service_name' ? [this.#serviceName] : values)
            .filter((value) => value !== otherValue)
            .map((value) => ({ ...set, [label]: value })),
        ),
      [{}],
    )
    if (combinations.length <= mostAtZero) for (const labels of combinations) counter.inc(labels, 0)
    return counter
  }

  #closed(metric: MetricName, labels: Readonly<Record<string, string>>): Record<string, string> {
    const sets: Readonly<Record<string, LabelValues>> = metricDefinitions[metric].labels
    return Object.fromEntries(
      Object.entries(labels).map(([label, value]) => {
        const values = sets[label] === 'service_name' ? [this.#serviceName] : (sets[label] ?? [])
        return [label, values.includes(value) ? value : otherValue]
      }),
    )
  }
}

function samplesOf(read: GaugeReader<GaugeName> | undefined): Sample<GaugeName>[] {
  try {
    return read === undefined ? [] : [...read()]
  } catch {
    return []
  }
}
