/**
 * What the faults showed, as a page for people: rows of one run, nothing typed by hand.
 */
import { mkdir, writeFile } from 'node:fs/promises'
import { dirname } from 'node:path'

export interface FaultRow {
  readonly fault: string
  readonly userSees: string
  readonly weDo: string
  /** Work done from the fault until all was well again, and how much of it failed. */
  readonly queries: number
  readonly failedQueries: number
  readonly transactions: number
  readonly failedTransactions: number
  readonly reads: number
  readonly failedReads: number
  readonly faultSeconds: number
  /** From the end of the fault to the last failure. */
  readonly recoverySeconds: number
  /** Requests to the faulty server, for each second of the fault. */
  readonly requestsPerSecond: number
}

/** Where the rows of the last run are kept; the page only when asked for, so that a test run changes no file. */
const rowsFile = new URL('../../node_modules/.cache/chaveiro-faults.json', import.meta.url)
const pageFile = new URL('../../docs/faults.md', import.meta.url)

export async function writeReport(rows: readonly FaultRow[], servers: readonly string[]): Promise<void> {
  await mkdir(dirname(rowsFile.pathname), { recursive: true })
  await writeFile(rowsFile, `${JSON.stringify({ servers, rows }, null, 2)}\n`)
  if (process.env.FAULTS_WRITE_DOCS) await writeFile(pageFile, page(rows, servers))
}

function page(rows: readonly FaultRow[], servers: readonly string[]): string {
  const cells = rows.map((row) => [
    row.fault,
    row.userSees,
    row.weDo,
    `${row.faultSeconds.toFixed(1)} s`,
    `${row.recoverySeconds.toFixed(1)} s`,
    `${row.failedQueries} of ${row.queries}`,
    `${row.failedTransactions} of ${row.transactions}`,
    `${row.failedReads} of ${row.reads}`,
    row.requestsPerSecond.toFixed(1),
  ])
  const head = [
    'Fault',
    'What the user sees',
    'What we do',
    'Lasted',
    'Recovered after',
    'Failed queries',
    'Failed transactions',
    'Failed KV reads',
    'Requests/s to the server',
  ]
  const line = (texts: readonly string[]): string => `| ${texts.join(' | ')} |`
  return [
    '# Faults, and what happens',
    '',
    'Written by `FAULTS_WRITE_DOCS=1 npx vitest run test/faults` from one run; no figure is typed by hand.',
    `Servers: ${servers.join(', ')}. Under continuous queries, transactions of 2.5 s and KV reads, with leases of`,
    '8 s (at most 24 s) and tokens of 15 s. Reads go to Vault itself, so they fail while it is away; queries must not',
    'fail as long as a valid credential exists. Recovery counts from the end of the fault to the last failure.',
    '',
    line(head),
    line(head.map(() => '---')),
    ...cells.map(line),
    '',
  ].join('\n')
}
