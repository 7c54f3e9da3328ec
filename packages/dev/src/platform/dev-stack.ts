/**
 * What `chaveiro dev` starts: a stack, configured for the sample platform or blank, and a file to source.
 * @module
 */
import { readFile, writeFile } from 'node:fs/promises'
import { join } from 'node:path'
import { readManifest } from '@chaveiro/operations'
import { SpiffeId } from '@chaveiro/spiffe'
import { EmbeddedStack } from '../embedded-stack.js'
import { RealStack } from '../real-stack.js'
import type { Stack } from '../stack.js'
import { sampleFiles } from './files.js'
import { createDatabase, databaseVariables, prepareStack, sampleValues } from './prepare.js'
import { sampleServices } from './services.js'

export interface DevStackOptions {
  readonly real: boolean
  /** Nothing configured: no policy, role, entry or secret; only the sample's own database is there. */
  readonly blank: boolean
  readonly note: (line: string) => void
}

/** A stack and the file that tells a shell how to reach it. */
export interface DevStack extends AsyncDisposable {
  readonly stack: Stack
  /** Shell variables, mode 0600: it holds the root token and the sample's made-up values. */
  readonly envFile: string
}

/** Lives as in production, since nobody watches these. */
const ttls = { x509SvidSeconds: 3600, jwtSvidSeconds: 300 }

/** @throws what the stack throws; nothing is left running then */
export async function startDevStack({ real, blank, note }: DevStackOptions): Promise<DevStack> {
  const files = sampleFiles()
  const manifest = readManifest(await readFile(files.manifest, 'utf8'), files.manifest)
  const start = { trustDomain: manifest.trustDomain, ttls, note }
  const stack = real
    ? await RealStack.start({ ...start, reads: [files.script('service-registry')] })
    : await EmbeddedStack.start(start)
  try {
    if (blank) await createDatabase(stack)
    else {
      await prepareStack(stack, manifest)
      for (const { name, path } of sampleServices) await stack.admit(name, SpiffeId.of(stack.trustDomain, path))
    }
    const envFile = join(stack.folder, 'env')
    const entries = await stack.entryVariables(sampleServices.map(({ name }) => name))
    await writeFile(envFile, shellVariables(stack, entries), { mode: 0o600, flag: 'wx' })
    return { stack, envFile, [Symbol.asyncDispose]: () => stack.close() }
  } catch (error) {
    await stack.close()
    throw error
  }
}

function shellVariables(stack: Stack, entries: Readonly<Record<string, string>>): string {
  const { superuser } = stack.database
  const secrets = { VAULT_TOKEN: stack.vault.rootToken, PGPASSWORD: superuser.password, ...sampleValues(stack) }
  const plain = {
    VAULT_ADDR: stack.vault.address,
    CHAVEIRO_JWKS_URL: stack.jwksUrl,
    ...databaseVariables(stack),
    PGUSER: superuser.username,
    ...stack.env,
    ...entries,
  }
  const exposed = Object.entries(secrets).map(([name, secret]) => [name, secret.expose()] as const)
  return [...Object.entries(plain), ...exposed].map(([name, value]) => `export ${name}='${quote(value)}'\n`).join('')
}

const quote = (value: string): string => value.replaceAll("'", `'\\''`)
