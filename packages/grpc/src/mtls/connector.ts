/**
 * The calling end of an mTLS connection: how grpc-js's channels connect, and ask before each call whether the
 * server may still be talked to.
 * @module
 */
import { isIP, type Socket } from 'node:net'
import { connect, type TLSSocket } from 'node:tls'
import { type Clock, systemClock } from '@chaveiro/rotation'
import type { X509Svid } from '@chaveiro/spiffe'
import { CallCredentials, type ChannelCredentials, experimental, Metadata } from '@grpc/grpc-js'
import { type PeerRefused, peerRefused } from '../channels.js'
import { errorCodeOf, GrpcAuthError } from '../errors.js'
import { limitConnectionLife } from './connection-life.js'
import { type PeerChain, verifyPeer } from './peer-chain.js'
import { secureContextOf } from './svid-context.js'
import type { SpiffeTransportOptions } from './transport-options.js'

/** Where a channel goes, as grpc-js has parsed it. */
export type ChannelTarget = Parameters<ChannelCredentials['_createSecureConnector']>[0]

/** Opens the connections of one subchannel, one after the other. */
export class SpiffeConnector implements experimental.SecureConnector {
  readonly #options: SpiffeTransportOptions
  readonly #clock: Clock
  readonly #serverName: string | undefined
  readonly #callCredentials: CallCredentials
  #open: { readonly socket: TLSSocket; readonly peer: PeerChain } | undefined

  constructor(options: SpiffeTransportOptions, target: ChannelTarget, callCredentials: CallCredentials) {
    this.#options = options
    this.#clock = options.clock ?? systemClock
    this.#serverName = serverNameOf(target)
    const guard = CallCredentials.createFromMetadataGenerator((_, go) =>
      this.#beforeCall(() => go(null, new Metadata())),
    )
    this.#callCredentials = guard.compose(callCredentials)
  }

  async connect(raw: Socket): Promise<experimental.SecureConnectResult> {
    try {
      const own = this.#options.svid.x509Svid()
      const socket = await shakeHands(raw, own, this.#serverName)
      const peer = verifyPeer(socket, this.#options, this.#clock.wallMs())
      socket.authorized = true
      this.#open = { socket, peer }
      this.#limitLife(socket, peer, own)
      return { socket, secure: true }
    } catch (error) {
      this.#refused('handshake', error)
      raw.destroy()
      throw error
    }
  }

  waitForReady(): Promise<void> {
    return Promise.resolve()
  }

  /** grpc-js asks these once it has picked this connection for a call, and sends nothing until they answer. */
  getCallCredentials(): CallCredentials {
    return this.#callCredentials
  }

  destroy(): void {}

  /** A call on a connection that is no longer good waits for its end; grpc-js then picks, or opens, another. */
  #beforeCall(go: () => void): void {
    const open = this.#open
    try {
      open?.peer.check(this.#clock.wallMs())
    } catch (error) {
      this.#refused('call', error)
      // After grpc-js's own listener, so that it sees the connection gone.
      open?.socket.once('close', go).destroy()
      return
    }
    go()
  }

  #limitLife(socket: TLSSocket, peer: PeerChain, own: X509Svid): void {
    const cancelTimers = limitConnectionLife({
      side: 'client',
      peer: peer.id.toString(),
      endsAtMs: Math.min(peer.notAfterMs, own.notAfterMs),
      clock: this.#clock,
      end: () => socket.destroy(),
    })
    socket.once('close', () => {
      cancelTimers()
      if (this.#open?.socket === socket) this.#open = undefined
    })
  }

  #refused(at: PeerRefused['at'], error: unknown): void {
    peerRefused.publish({ side: 'client', at, errorCode: errorCodeOf(error) } satisfies PeerRefused)
  }
}

/** For routers that look at it; identity is the SPIFFE ID. */
function serverNameOf({ scheme, path }: ChannelTarget): string | undefined {
  const host = scheme === 'unix' ? undefined : experimental.splitHostPort(path)?.host
  return host === undefined || isIP(host) !== 0 ? undefined : host
}

/** @throws {GrpcAuthError} `ERR_GRPC_PEER_PROTOCOL`, or what TLS says */
function shakeHands(raw: Socket, own: X509Svid, servername: string | undefined): Promise<TLSSocket> {
  return new Promise((resolve, reject) => {
    const socket = connect({
      socket: raw,
      secureContext: secureContextOf(own),
      ALPNProtocols: ['h2'],
      // Judged by verifyPeer before a byte is sent: Node knows one pool of roots only, and looks for DNS names.
      rejectUnauthorized: false,
      ...(servername !== undefined && { servername }),
    })
    socket.once('secureConnect', () => {
      if (socket.alpnProtocol === 'h2') resolve(socket)
      else reject(peerProtocol('the peer does not speak HTTP/2'))
    })
    socket.on('error', reject)
    socket.once('close', () => reject(peerProtocol('the peer closed the connection during the TLS handshake')))
  })
}

function peerProtocol(message: string): GrpcAuthError {
  return new GrpcAuthError('ERR_GRPC_PEER_PROTOCOL', message, {
    cure: 'Look in the log of the peer for why it refused this side; check that the port speaks gRPC with TLS.',
  })
}
