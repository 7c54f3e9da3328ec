/**
 * A registration entry as the server keeps it, and as the wire has it.
 * @module
 */
import type { MessageInitShape } from '@bufbuild/protobuf'
import type { EntryRecord, EntryRecordSchema, Identity } from './proto/entry_pb.js'

/** Fields named as the API names them, so that a plan can show them. */
export interface SpireEntry {
  readonly id: string
  readonly spiffe_id: string
  readonly parent_id: string
  /** `type:value`. */
  readonly selectors: readonly string[]
  /** Seconds; 0: the server's default. */
  readonly x509_svid_ttl: number
  readonly jwt_svid_ttl: number
  readonly dns_names: readonly string[]
  readonly federates_with: readonly string[]
  readonly hint: string
  readonly admin: boolean
  readonly downstream: boolean
  readonly store_svid: boolean
}

export function readEntry(record: EntryRecord): SpireEntry {
  return {
    id: record.id,
    spiffe_id: idText(record.spiffeId),
    parent_id: idText(record.parentId),
    selectors: record.selectors.map(({ type, value }) => `${type}:${value}`),
    x509_svid_ttl: record.x509SvidTtl,
    jwt_svid_ttl: record.jwtSvidTtl,
    dns_names: record.dnsNames,
    federates_with: record.federatesWith,
    hint: record.hint,
    admin: record.admin,
    downstream: record.downstream,
    store_svid: record.storeSvid,
  }
}

export function entryRecord(entry: SpireEntry): MessageInitShape<typeof EntryRecordSchema> {
  return {
    id: entry.id,
    spiffeId: identity(entry.spiffe_id),
    parentId: identity(entry.parent_id),
    selectors: entry.selectors.map((selector) => {
      const split = selector.indexOf(':')
      return { type: selector.slice(0, split), value: selector.slice(split + 1) }
    }),
    x509SvidTtl: entry.x509_svid_ttl,
    jwtSvidTtl: entry.jwt_svid_ttl,
    dnsNames: [...entry.dns_names],
    federatesWith: [...entry.federates_with],
    hint: entry.hint,
    admin: entry.admin,
    downstream: entry.downstream,
    storeSvid: entry.store_svid,
  }
}

const idText = (id: Identity | undefined): string => (id ? `spiffe://${id.trustDomain}${id.path}` : '')

function identity(text: string): { trustDomain: string; path: string } {
  const [, trustDomain = '', path = ''] = /^spiffe:\/\/([^/]+)(.*)$/.exec(text) ?? []
  return { trustDomain, path }
}
