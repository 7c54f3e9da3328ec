/**
 * Who may talk to a server over mTLS: judged after each handshake, and again at every call, for certificates end
 * and bundles change while a connection stays open, and a resumed TLS session skips what the first one checked.
 * @module
 */
import type { Http2SecureServer, ServerHttp2Session } from 'node:http2'
import type { TLSSocket } from 'node:tls'
import { type Clock, systemClock } from '@chaveiro/rotation'
import type { SpiffeId } from '@chaveiro/spiffe'
import {
  ServerInterceptingCall,
  type ServerInterceptingCallInterface,
  type ServerInterceptor,
  status,
} from '@grpc/grpc-js'
import { rememberPeer } from '../caller.js'
import { type PeerRefused, peerRefused } from '../channels.js'
import { errorCodeOf, GrpcAuthError } from '../errors.js'
import { limitConnectionLife } from './connection-life.js'
import { type PeerChain, verifyPeer } from './peer-chain.js'
import { secureContextOf } from './svid-context.js'
import type { SpiffeTransportOptions } from './transport-options.js'

/** An open connection whose peer was accepted. */
interface Connection {
  readonly peer: PeerChain
  /** Takes no new calls, so that the client opens another connection. */
  drain(): void
}

export class PeerAdmission {
  readonly #options: SpiffeTransportOptions
  readonly #clock: Clock
  /** By the fingerprint of the peer's leaf: all that grpc-js shows of the connection that a call came by. */
  readonly #connections = new Map<string, Set<Connection>>()

  constructor(options: SpiffeTransportOptions) {
    this.#options = options
    this.#clock = options.clock ?? systemClock
  }

  /** Runs inside a handshake, on the server's socket. What it throws ends the connection. */
  handshake(socket: TLSSocket & { server?: Http2SecureServer }): void {
    const own = this.#options.svid.x509Svid()
    socket.setKeyCert(secureContextOf(own))
    let session: ServerHttp2Session | undefined
    const onSession = (opened: ServerHttp2Session): void => {
      session = opened
    }
    // The server's own listener of `secure` emits `session` in the same turn: between these two of ours.
    socket.prependOnceListener('secure', () => socket.server?.once('session', onSession))
    socket.once('secure', () => {
      socket.server?.off('session', onSession)
      this.#judge(socket, own.notAfterMs, () => session?.close())
    })
  }

  /** Judges the peer again, at a call. */
  readonly interceptor: ServerInterceptor = (_method, call) =>
    new ServerInterceptingCall(call, {
      start: (next) => {
        next({
          onReceiveMetadata: (metadata, pass) => {
            const peer = this.#peerOf(call)
            if (!peer) return
            rememberPeer(metadata, peer)
            pass(metadata)
          },
        })
      },
    })

  #judge(socket: TLSSocket, ownNotAfterMs: number, drain: () => void): void {
    try {
      const peer = verifyPeer(socket, this.#options, this.#clock.wallMs())
      // grpc-js shows interceptors the certificate of an authorised socket only.
      socket.authorized = true
      const forget = this.#remember(socket.getPeerCertificate().fingerprint256, { peer, drain })
      const cancelTimers = limitConnectionLife({
        side: 'server',
        peer: peer.id.toString(),
        endsAtMs: Math.min(peer.notAfterMs, ownNotAfterMs),
        clock: this.#clock,
        drain,
        end: () => socket.destroy(),
      })
      socket.once('close', () => {
        cancelTimers()
        forget()
      })
    } catch (error) {
      peerRefused.publish({ side: 'server', at: 'handshake', errorCode: errorCodeOf(error) } satisfies PeerRefused)
      socket.destroy()
    }
  }

  #remember(fingerprint: string, connection: Connection): () => void {
    const same = this.#connections.get(fingerprint) ?? new Set()
    this.#connections.set(fingerprint, same.add(connection))
    return () => {
      same.delete(connection)
      if (same.size === 0) this.#connections.delete(fingerprint)
    }
  }

  /** The accepted peer of a call; ends the call when there is none. */
  #peerOf(call: ServerInterceptingCallInterface): SpiffeId | undefined {
    const fingerprint = call.getAuthContext().sslPeerCertificate?.fingerprint256 ?? ''
    const connections = [...(this.#connections.get(fingerprint) ?? [])]
    try {
      const [first] = connections
      if (!first) throw peerUnknown()
      first.peer.check(this.#clock.wallMs())
      return first.peer.id
    } catch (error) {
      peerRefused.publish({ side: 'server', at: 'call', errorCode: errorCodeOf(error) } satisfies PeerRefused)
      const details = 'refused (peer_unverified): the X.509-SVID of this connection is not, or no longer, accepted'
      call.sendStatus({ code: status.UNAUTHENTICATED, details })
      // A client that has rotated its SVID comes back with the new one.
      for (const connection of connections) connection.drain()
      return undefined
    }
  }
}

function peerUnknown(): GrpcAuthError {
  return new GrpcAuthError('ERR_GRPC_PEER_REFUSED', 'the connection of this call was never accepted', {
    cure: 'Use spiffeServerCredentials() for every port of this server, or leave out what needs a peer.',
  })
}
