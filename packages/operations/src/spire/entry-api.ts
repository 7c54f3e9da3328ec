/**
 * Registration entries of SPIRE's server, whichever way the server is reached.
 * @module
 */
import type { SpireEntry } from './entry.js'

export interface EntryApi extends AsyncDisposable {
  /** All entries, ours and others'. */
  listEntries(signal?: AbortSignal): Promise<readonly SpireEntry[]>
  /** @returns undefined when there is none */
  getEntry(id: string, signal?: AbortSignal): Promise<SpireEntry | undefined>
  /** @throws {SpireServerError} `ERR_SPIRE_SERVER_REFUSED`, for instance when a similar entry exists */
  createEntry(entry: SpireEntry, signal?: AbortSignal): Promise<void>
  /** Sets every field of the entry of that ID. */
  updateEntry(entry: SpireEntry, signal?: AbortSignal): Promise<void>
  /** Harmless when there is none of that ID. */
  deleteEntry(id: string, signal?: AbortSignal): Promise<void>
  close(): Promise<void>
}
