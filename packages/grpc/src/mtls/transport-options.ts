/**
 * What both ends of an mTLS connection are made of.
 * @module
 */
import type { Clock } from '@chaveiro/rotation'
import type { X509SvidSource } from '@chaveiro/spiffe'
import type { PeerRules } from './peer-chain.js'

export interface SpiffeTransportOptions extends PeerRules {
  /** Our own identity; asked at every handshake, so the newest SVID is used at once. */
  svid: X509SvidSource
  clock?: Clock
}
