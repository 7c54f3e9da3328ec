/**
 * The sample's manifest with lives short enough to watch.
 * @module
 */
import { type Manifest, readManifest } from '@chaveiro/operations'
import type { StackTtls } from '../stack.js'

/** SVIDs of the demo, in seconds. */
export const demoTtls: StackTtls = { x509SvidSeconds: 60, jwtSvidSeconds: 30 }

const tokenSeconds = { ttl: 30, maxTtl: 24 * 3600 }
const databaseSeconds = { ttl: 20, maxTtl: 60 }

/** Reads the manifest and shortens every life in it. */
export function readSampleManifest(text: string, file: string): Manifest {
  const manifest = readManifest(text, file)
  return {
    ...manifest,
    vault: { ...manifest.vault, token: tokenSeconds },
    databases: manifest.databases.map((database) => ({
      ...database,
      roles: database.roles.map((role) => ({ ...role, ...databaseSeconds })),
    })),
  }
}
