/**
 * What is accepted although it is not quite right, told once for each trust domain: whoever runs it should know,
 * and nobody should drown in it.
 * @module
 */
import { type SvidIrregular, svidIrregular } from '../channels.js'
import type { SpiffeId } from '../id/spiffe-id.js'

const told = new Set<string>()
/** Bounds what strangers with many trust domains can make us remember. */
const mostTold = 1000

/** X509-4.3-a: key usage must be critical; issuers that forget it are not worth an outage. */
export function tellKeyUsageNotCritical(id: SpiffeId): void {
  if (told.has(id.trustDomain.name) || told.size >= mostTold) return
  told.add(id.trustDomain.name)
  const irregularity = 'key_usage_not_critical'
  svidIrregular.publish({ svidType: 'x509', spiffeId: id.toString(), irregularity } satisfies SvidIrregular)
}
