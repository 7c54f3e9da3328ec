/**
 * mTLS for grpc-js clients, by X.509-SVIDs that rotate under their channels.
 * @module
 */
import { CallCredentials, ChannelCredentials, type experimental } from '@grpc/grpc-js'
import { type ChannelTarget, SpiffeConnector } from './connector.js'
import type { SpiffeTransportOptions } from './transport-options.js'

/**
 * Channel credentials: each new connection uses the newest SVID and bundle, and is given to grpc-js only when the
 * server's X.509-SVID verifies against the bundle of its trust domain and satisfies `authorize` (host names do not
 * matter). The server is judged again before each call; a call that finds it no longer good opens a new connection.
 * A connection is cut when the first of the two SVIDs ends, if the server has not ended it before.
 * While `svid` has none that is valid, connecting fails and calls end as `UNAVAILABLE`.
 */
export function spiffeChannelCredentials(options: SpiffeTransportOptions): ChannelCredentials {
  return new SpiffeChannelCredentials(options)
}

class SpiffeChannelCredentials extends ChannelCredentials {
  readonly #options: SpiffeTransportOptions

  constructor(options: SpiffeTransportOptions) {
    super()
    this.#options = options
  }

  override _isSecure(): boolean {
    return true
  }

  /** grpc-js shares connections between channels whose credentials are equal: never with other rules for peers. */
  override _equals(other: ChannelCredentials): boolean {
    return other === this
  }

  override _createSecureConnector(
    target: ChannelTarget,
    _options: unknown,
    callCredentials: CallCredentials = CallCredentials.createEmpty(),
  ): experimental.SecureConnector {
    return new SpiffeConnector(this.#options, target, callCredentials)
  }
}
