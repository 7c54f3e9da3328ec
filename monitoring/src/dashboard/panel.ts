/**
 * One panel: what it asks, in which unit, what it means, and from where on it is bad.
 * @module
 */
import {
  BigValueColorMode,
  BigValueGraphMode,
  type DataSourceRef,
  GraphThresholdsStyleConfigBuilder,
  GraphThresholdsStyleMode,
  LegendDisplayMode,
  LegendPlacement,
  ReduceDataOptionsBuilder,
  SortOrder,
  TooltipDisplayMode,
  VizLegendOptionsBuilder,
  VizTooltipOptionsBuilder,
} from '@grafana/grafana-foundation-sdk/common'
import { type Threshold, ThresholdsConfigBuilder, ThresholdsMode } from '@grafana/grafana-foundation-sdk/dashboard'
import { DataqueryBuilder } from '@grafana/grafana-foundation-sdk/prometheus'
import { PanelBuilder as StatBuilder } from '@grafana/grafana-foundation-sdk/stat'
import { PanelBuilder as TimeseriesBuilder } from '@grafana/grafana-foundation-sdk/timeseries'
import { promql } from '../promql.js'

/** What the reader of the dashboard chose narrows every query. */
export const chosen = promql(['namespace=~"$namespace"', 'job=~"$service"', 'instance=~"$instance"'])

/** The data source that the reader chose. */
export const prometheus: DataSourceRef = { type: 'prometheus', uid: '$datasource' }

export interface PanelQuery {
  readonly expr: string
  /** A template of Grafana: `{{job}}`. */
  readonly legend: string
}

export interface PanelDefinition {
  readonly title: string
  /** What it shows, and what to think of when it looks bad. */
  readonly description: string
  /** Of Grafana's units: seconds, a share of 1, requests or events a second, a plain number. */
  readonly unit: 's' | 'percentunit' | 'reqps' | 'ops' | 'short'
  readonly queries: readonly PanelQuery[]
  readonly thresholds: readonly Threshold[]
  /** Of the 24 columns. */
  readonly columns?: number
  /** Upper end of the axis, where it is known. */
  readonly max?: number
}

/** A panel that is being built. */
export type DashboardPanel = TimeseriesBuilder | StatBuilder

/** Good below `warn`, bad from `bad` on. */
export const risingBad = (warn: number, bad: number): Threshold[] => [
  { value: null, color: 'green' },
  { value: warn, color: 'orange' },
  { value: bad, color: 'red' },
]

/** Bad below `warn` upwards from nothing, good from `good` on. */
export const fallingBad = (warn: number, good: number): Threshold[] => [
  { value: null, color: 'red' },
  { value: warn, color: 'orange' },
  { value: good, color: 'green' },
]

/** There must be some. */
export const someIsGood: readonly Threshold[] = [
  { value: null, color: 'red' },
  { value: 1, color: 'green' },
]

/** One of it is too many. */
export const noneIsGood: readonly Threshold[] = [
  { value: null, color: 'green' },
  { value: 1, color: 'red' },
]

/** Neither much nor little of it is bad in itself. */
export const neutral: readonly Threshold[] = [{ value: null, color: 'blue' }]

const panelHeight = 8
const statHeight = 4

/** Lines over time. Thresholds are drawn where there is one. */
export function lines(definition: PanelDefinition): TimeseriesBuilder {
  const { title, description, unit, queries, thresholds, columns = 8, max } = definition
  const drawn = thresholds.length > 1 ? GraphThresholdsStyleMode.Dashed : GraphThresholdsStyleMode.Off
  const panel = new TimeseriesBuilder()
    .title(title)
    .description(description)
    .datasource(prometheus)
    .unit(unit)
    .min(0)
    .height(panelHeight)
    .span(columns)
    .targets(queries.map((query, index) => target(query, index).range()))
    .thresholds(new ThresholdsConfigBuilder().mode(ThresholdsMode.Absolute).steps([...thresholds]))
    .thresholdsStyle(new GraphThresholdsStyleConfigBuilder().mode(drawn))
    .legend(
      new VizLegendOptionsBuilder()
        .displayMode(LegendDisplayMode.List)
        .placement(LegendPlacement.Bottom)
        .showLegend(true),
    )
    .tooltip(new VizTooltipOptionsBuilder().mode(TooltipDisplayMode.Multi).sort(SortOrder.Descending))
  return max === undefined ? panel : panel.max(max)
}

/** The number of this moment. */
export function stat(definition: PanelDefinition): StatBuilder {
  const { title, description, unit, queries, thresholds, columns = 6 } = definition
  return new StatBuilder()
    .title(title)
    .description(description)
    .datasource(prometheus)
    .unit(unit)
    .height(statHeight)
    .span(columns)
    .targets(queries.map((query, index) => target(query, index).instant()))
    .thresholds(new ThresholdsConfigBuilder().mode(ThresholdsMode.Absolute).steps([...thresholds]))
    .reduceOptions(new ReduceDataOptionsBuilder().calcs(['lastNotNull']))
    .colorMode(BigValueColorMode.Value)
    .graphMode(BigValueGraphMode.None)
}

function target({ expr, legend }: PanelQuery, index: number): DataqueryBuilder {
  const refId = String.fromCharCode('A'.charCodeAt(0) + index)
  return new DataqueryBuilder().refId(refId).datasource(prometheus).expr(expr).legendFormat(legend)
}
