/**
 * The dashboard of Grafana, made with Grafana's own SDK.
 * @module
 */
import {
  DashboardBuilder,
  DashboardCursorSync,
  DatasourceVariableBuilder,
  QueryVariableBuilder,
  RowBuilder,
  VariableRefresh,
  VariableSort,
} from '@grafana/grafana-foundation-sdk/dashboard'
import { promql } from '../promql.js'
import { type DashboardPanel, prometheus } from './panel.js'
import { credentialsRow } from './rows/credentials.js'
import { grpcRow } from './rows/grpc.js'
import { overviewRow } from './rows/overview.js'
import { rotationRow } from './rows/rotation.js'
import { svidsRow } from './rows/svids.js'
import { tokenRow } from './rows/token.js'
import { vaultRequestsRow } from './rows/vault-requests.js'

export interface DashboardRow {
  readonly title: string
  readonly panels: () => readonly DashboardPanel[]
}

const rows = [overviewRow, tokenRow, credentialsRow, svidsRow, grpcRow, vaultRequestsRow, rotationRow]

/** Every process of ours emits this from its first scrape on. */
const present = 'chaveiro_static_credentials_in_use'

/** A choice among the values of a label of Prometheus. None of it may be set, so that all means also none. */
function choice(name: string, title: string, label: string, scope: readonly string[]): QueryVariableBuilder {
  return new QueryVariableBuilder(name)
    .label(title)
    .datasource(prometheus)
    .query(`label_values(${promql(scope).series(present)}, ${label})`)
    .refresh(VariableRefresh.OnTimeRangeChanged)
    .sort(VariableSort.AlphabeticalAsc)
    .multi(true)
    .includeAll(true)
    .allValue('.*')
    .current({ text: 'All', value: '$__all' })
}

/** @returns JSON that Grafana imports */
export function renderDashboard(): string {
  const namespace = 'namespace=~"$namespace"'
  const dashboard = new DashboardBuilder('Chaveiro: Vault and SPIFFE')
    .uid('chaveiro-vault-spiffe')
    .description('What services hold of Vault and SPIFFE, how long it lasts, and whether it is kept fresh.')
    .tags(['chaveiro', 'vault', 'spiffe'])
    .readonly()
    .tooltip(DashboardCursorSync.Crosshair)
    .time({ from: 'now-3h', to: 'now' })
    .timezone('browser')
    .refresh('30s')
    .withVariable(new DatasourceVariableBuilder('datasource').label('Data source').type('prometheus'))
    .withVariable(choice('namespace', 'Namespace', 'namespace', []))
    .withVariable(choice('service', 'Service', 'job', [namespace]))
    .withVariable(choice('instance', 'Instance', 'instance', [namespace, 'job=~"$service"']))
  let id = 0
  const nextId = (): number => {
    id += 1
    return id
  }
  for (const { title, panels } of rows) {
    dashboard.withRow(new RowBuilder(title).id(nextId()))
    for (const panel of panels()) dashboard.withPanel(panel.id(nextId()))
  }
  return `${JSON.stringify(dashboard.build(), undefined, 2)}\n`
}
