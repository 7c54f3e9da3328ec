/**
 * Registration entries: which workload is whom. As SPIRE's command line takes and prints them.
 * @module
 */

/** A registration entry to be made. */
export interface SpireEntryRequest {
  /** SPIFFE ID that the workload gets, for instance `spiffe://example.org/ns/a/sa/b`. */
  id: string
  /** All must hold for a process to be this workload, for instance `unix:uid:1000`. At least one. */
  selectors: readonly string[]
  /** TTL of its X.509-SVIDs in seconds. Default: the server's. */
  x509TtlSeconds?: number
  /** TTL of its JWT-SVIDs in seconds. Default: the server's. */
  jwtTtlSeconds?: number
  /** SPIFFE ID under which it is registered. Default: the agent. */
  parent?: string
  /** Tells several identities of one workload apart. */
  hint?: string
  /** Federated trust domains whose bundles it gets, as SPIFFE IDs. */
  federatesWith?: readonly string[]
}

/** A registration entry that the server keeps. */
export interface SpireEntry {
  readonly entryId: string
  readonly id: string
  readonly parent: string
  readonly selectors: readonly string[]
}

/** An entry as the command prints it. */
export interface PrintedSpireEntry {
  id: string
  spiffe_id: PrintedSpiffeId
  parent_id: PrintedSpiffeId
  selectors: { type: string; value: string }[]
}

interface PrintedSpiffeId {
  trust_domain: string
  path: string
}

export function readEntry(printed: PrintedSpireEntry): SpireEntry {
  return {
    entryId: printed.id,
    id: idText(printed.spiffe_id),
    parent: idText(printed.parent_id),
    selectors: printed.selectors.map(({ type, value }) => `${type}:${value}`),
  }
}

const idText = ({ trust_domain, path }: PrintedSpiffeId): string => `spiffe://${trust_domain}${path}`

/** Arguments of `entry create` and `entry update`. */
export function entryArguments(request: SpireEntryRequest, parent: string): string[] {
  const { id, selectors, x509TtlSeconds, jwtTtlSeconds, hint, federatesWith = [] } = request
  return [
    ...['-spiffeID', id, '-parentID', request.parent ?? parent],
    ...selectors.flatMap((selector) => ['-selector', selector]),
    ...(x509TtlSeconds === undefined ? [] : ['-x509SVIDTTL', String(x509TtlSeconds)]),
    ...(jwtTtlSeconds === undefined ? [] : ['-jwtSVIDTTL', String(jwtTtlSeconds)]),
    ...(hint === undefined ? [] : ['-hint', hint]),
    ...federatesWith.flatMap((trustDomain) => ['-federatesWith', trustDomain]),
  ]
}
