/**
 * The dashboard as it is delivered, read as Grafana reads it.
 * @module
 */
import { readFileSync } from 'node:fs'
import { join } from 'node:path'

export interface Threshold {
  readonly value: number | null
  readonly color: string
}

export interface DashboardPanel {
  readonly id: number
  readonly type: string
  readonly title: string
  readonly description?: string
  readonly datasource?: { readonly uid: string }
  readonly gridPos: { readonly x: number; readonly y: number; readonly w: number; readonly h: number }
  readonly targets?: readonly {
    readonly refId: string
    readonly expr: string
    readonly legendFormat: string
    readonly datasource?: { readonly uid: string }
  }[]
  readonly fieldConfig?: {
    readonly defaults: {
      readonly unit?: string
      readonly max?: number
      readonly thresholds?: { readonly steps: readonly Threshold[] }
    }
  }
}

export interface Dashboard {
  readonly editable: boolean
  readonly refresh: string
  readonly templating: {
    readonly list: readonly {
      name: string
      type: string
      query: string
      refresh?: number
      datasource?: { uid: string }
    }[]
  }
  readonly panels: readonly DashboardPanel[]
}

const file = join(import.meta.dirname, '..', '..', 'monitoring', 'dashboards', 'vault-spiffe-integration.json')

export const dashboard = JSON.parse(readFileSync(file, 'utf8')) as Dashboard

/** Without the headings of rows. */
export const panels = dashboard.panels.filter(({ type }) => type !== 'row')

/** A query as Grafana sends it when everything is chosen. */
export const expanded = (expr: string, rateInterval: string): string =>
  expr.replaceAll('$__rate_interval', rateInterval).replaceAll(/\$(namespace|service|instance)\b/g, '.*')

/** Every query that a panel makes. */
export const panelQueries = panels.flatMap(({ title, targets = [] }) =>
  targets.map(({ refId, expr }) => ({ title, refId, expr })),
)
