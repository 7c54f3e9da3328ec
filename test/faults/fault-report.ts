/**
 * What the faults showed, as a page for people: rows of one run, nothing typed by hand.
 */
import { mkdir, readFile, writeFile } from 'node:fs/promises'
import { dirname } from 'node:path'
import { lives, openMs } from './lives.js'

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
  readonly requestsPerSecond?: number
}

/** For rows that count only some of it. */
export const nothingFailed = {
  queries: 0,
  failedQueries: 0,
  transactions: 0,
  failedTransactions: 0,
  reads: 0,
  failedReads: 0,
  recoverySeconds: 0,
} as const

/** Rows of one file of tests. */
interface Part {
  readonly servers: readonly string[]
  readonly rows: readonly FaultRow[]
}

const parts = ['servers', 'process'] as const

/** Where the rows of the last run are kept; the page only when asked for, so that a test run changes no file. */
const rowsFile = (part: string): URL =>
  new URL(`../../node_modules/.cache/chaveiro-faults-${part}.json`, import.meta.url)
const pageFile = new URL('../../docs/faults.md', import.meta.url)

export async function writeReport(part: (typeof parts)[number], { rows, servers }: Part): Promise<void> {
  const file = rowsFile(part)
  await mkdir(dirname(file.pathname), { recursive: true })
  await writeFile(file, `${JSON.stringify({ servers, rows }, null, 2)}\n`)
  if (!process.env.FAULTS_WRITE_DOCS) return
  const known = await Promise.all(parts.map((each) => readFile(rowsFile(each), 'utf8').catch(() => undefined)))
  const read = known.flatMap((text) => (text === undefined ? [] : [JSON.parse(text) as Part]))
  await writeFile(
    pageFile,
    page(
      read.flatMap((each) => each.rows),
      [...new Set(read.flatMap((each) => each.servers))],
    ),
  )
}

const share = (failed: number, all: number): string => (all === 0 ? '–' : `${failed} of ${all}`)

function page(rows: readonly FaultRow[], servers: readonly string[]): string {
  const cells = rows.map((row) => [
    row.fault,
    row.userSees,
    row.weDo,
    `${row.faultSeconds.toFixed(1)} s`,
    `${row.recoverySeconds.toFixed(1)} s`,
    share(row.failedQueries, row.queries),
    share(row.failedTransactions, row.transactions),
    share(row.failedReads, row.reads),
    row.requestsPerSecond?.toFixed(1) ?? '–',
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
    `Servers: ${servers.join(', ')}. Under continuous queries, transactions of ${openMs / 1000} s and KV reads, with`,
    `leases of ${lives.leaseSeconds} s (at most ${lives.leaseMaxSeconds} s) and tokens of ${lives.tokenSeconds} s. Reads go to`,
    'Vault itself, so they may fail while it is away; queries must not fail as long as a valid credential exists.',
    'Recovery counts from the end of the fault to the last failure, or to the first query that worked.',
    '',
    line(head),
    line(head.map(() => '---')),
    ...cells.map(line),
    '',
  ].join('\n')
}
