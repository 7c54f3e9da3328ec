/**
 * mTLS for a grpc-js server, by X.509-SVIDs that rotate under it.
 * @module
 */
import { constants } from 'node:crypto'
import type { TLSSocket } from 'node:tls'
import { ServerCredentials, type ServerInterceptor } from '@grpc/grpc-js'
import { PeerAdmission } from './peer-admission.js'
import type { SpiffeTransportOptions } from './transport-options.js'

/**
 * Credentials for `server.bindAsync`: TLS 1.3 only, client certificates required, no session tickets. A peer must
 * verify against the bundle of its own trust domain and satisfy `authorize`, at the handshake and at every call.
 * A connection takes no new calls in the last quarter of the time for which both SVIDs hold (the client moves its
 * calls to a new connection, unnoticed) and is cut when the first of them ends.
 * While `svid` has none that is valid, no handshake succeeds.
 */
export function spiffeServerCredentials(options: SpiffeTransportOptions): ServerCredentials {
  return new SpiffeServerCredentials(new PeerAdmission(options))
}

class SpiffeServerCredentials extends ServerCredentials {
  readonly #admission: PeerAdmission

  constructor(admission: PeerAdmission) {
    super(
      {
        // In TLS 1.2 the certificate's kind is settled before the hook below runs.
        minVersion: 'TLSv1.3',
        secureOptions: constants.SSL_OP_NO_TICKET,
        requestCert: true,
        // Judged by PeerAdmission, since Node knows one pool of roots only; until then no call is let through.
        rejectUnauthorized: false,
        // The one hook that runs in every gRPC handshake and may choose the certificate. Node calls it on the socket.
        ALPNCallback(this: TLSSocket, { protocols }: { protocols: string[] }) {
          if (!protocols.includes('h2')) return undefined
          admission.handshake(this)
          return 'h2'
        },
      },
      {},
    )
    this.#admission = admission
  }

  override _equals(other: ServerCredentials): boolean {
    return other === this
  }

  override _getInterceptors(): ServerInterceptor[] {
    return [this.#admission.interceptor]
  }
}
