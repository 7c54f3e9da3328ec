/**
 * Fetches an SVID of this process from the Workload API.
 * @module
 */
import { mkdir, rename, rm, writeFile } from 'node:fs/promises'
import { join } from 'node:path'
import { type JwtSvid, WorkloadApiClient, type X509Context } from '@chaveiro/spiffe'
import { exitCode, UsageError } from '../exit-code.js'
import { type OutputFormat, print } from '../output.js'
import type { Terminal } from '../terminal.js'
import { chainPem } from './chain.js'

export interface FetchOptions {
  readonly x509?: boolean
  readonly jwt?: boolean
  readonly audience?: readonly string[]
  readonly endpoint?: string
  readonly write?: string
  readonly output: OutputFormat
}

/** @returns the exit code: 0 fetched */
export async function fetchSvid(terminal: Terminal, options: FetchOptions): Promise<number> {
  const { x509, jwt, audience = [], endpoint } = options
  if (x509 && jwt) throw new UsageError('--x509 and --jwt are two calls', 'Fetch one at a time.')
  if (jwt && audience.length === 0) {
    throw new UsageError(
      'a JWT-SVID is for an audience',
      'Add --audience NAME: the name of the service it is shown to.',
    )
  }
  if (!jwt && audience.length > 0) throw new UsageError('--audience belongs to a JWT-SVID', 'Add --jwt.')
  await using client = new WorkloadApiClient({ env: terminal.env, ...(endpoint !== undefined && { endpoint }) })
  // Awaited here: the client must stay open until the answer is there.
  return await (jwt ? fetchJwt(terminal, client, options) : fetchX509(terminal, client, options))
}

async function fetchX509(
  terminal: Terminal,
  client: WorkloadApiClient,
  { write, output }: FetchOptions,
): Promise<number> {
  const context = await client.fetchX509Context(terminal.stop)
  if (write !== undefined) await writeX509(write, context)
  const said = context.svids.map(({ id, hint, notAfterMs }) => ({
    spiffe_id: id.toString(),
    hint: hint ?? null,
    expires_at: new Date(notAfterMs).toISOString(),
  }))
  print(terminal, output, said, (all) => all.map(({ spiffe_id, expires_at }) => `${spiffe_id}  until ${expires_at}`))
  return exitCode.ok
}

async function fetchJwt(terminal: Terminal, client: WorkloadApiClient, options: FetchOptions): Promise<number> {
  const { audience = [], write, output } = options
  const svids = await client.fetchJwtSvids({ audience: [...audience] }, { signal: terminal.stop })
  const [first] = svids
  if (write === '-' && first) {
    terminal.stdout.write(`${first.token.expose()}\n`)
    return exitCode.ok
  }
  if (write !== undefined && first) await writePrivate(write, first.token.expose())
  print(terminal, output, svids.map(toJson), (all) =>
    all.map(
      ({ spiffe_id, audience: named, expires_at }) => `${spiffe_id}  for ${named.join(', ')}  until ${expires_at}`,
    ),
  )
  return exitCode.ok
}

const toJson = ({ id, audience, expiresAtMs }: JwtSvid) => ({
  spiffe_id: id.toString(),
  audience,
  expires_at: new Date(expiresAtMs).toISOString(),
})

/** Names as other tools of the field use them. */
async function writeX509(folder: string, { svids: [svid], bundles }: X509Context): Promise<void> {
  if (!svid) return
  await mkdir(folder, { recursive: true, mode: 0o700 })
  await writePrivate(join(folder, 'svid.pem'), svid.certificatesPem())
  await writePrivate(join(folder, 'key.pem'), svid.privateKeyPem().expose())
  const authorities = bundles.x509BundleFor(svid.id.trustDomain)
  await writePrivate(join(folder, 'bundle.pem'), authorities ? chainPem(authorities.authorities) : '')
}

/** Written beside its place and moved there, so that a reader never sees half of it. */
async function writePrivate(file: string, content: string): Promise<void> {
  const draft = `${file}.${process.pid}.tmp`
  try {
    await writeFile(draft, content, { mode: 0o600, flag: 'wx' })
    await rename(draft, file)
  } catch (error) {
    await rm(draft, { force: true })
    throw new UsageError(`${file} cannot be written`, 'Name a place that you may write to.', { cause: error })
  }
}
