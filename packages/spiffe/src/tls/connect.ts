/**
 * The client side of mutual TLS with X509-SVIDs.
 * @module
 */
import { type ConnectionOptions, connect, type TLSSocket } from 'node:tls'
import type { VerifiedX509Svid } from '../svid/verify-x509-svid.js'
import { ownSide, type TlsIdentity } from './options.js'
import { admitPeer } from './peer.js'

export interface ConnectTlsOptions extends TlsIdentity {
  /** Where to: as in `tls.connect`. Its rules for certificates are ours and cannot be given. */
  to: Pick<ConnectionOptions, 'host' | 'port' | 'path' | 'socket' | 'servername' | 'ALPNProtocols' | 'lookup'>
  /** Gives up when it aborts. */
  signal?: AbortSignal | undefined
}

/** A connection to a peer that has been verified and authorised. */
export interface VerifiedConnection {
  readonly socket: TLSSocket
  /** Who it is, and until when its chain holds. */
  readonly peer: VerifiedX509Svid
}

/**
 * Connects, with the SVID and bundle of this moment, and resolves when the server has been verified; not a byte is
 * sent before. A server judges its client after that, and closes the connection when it refuses it.
 * @throws {SvidError} why the server is refused
 * @throws the socket's error, the signal's reason, or what `svid` throws when it has none
 */
export async function connectTls({ to, signal, ...identity }: ConnectTlsOptions): Promise<VerifiedConnection> {
  signal?.throwIfAborted()
  const socket = connect({
    ...to,
    ...ownSide(identity.svid.x509Svid()),
    session: undefined,
    // Judged below: Node knows one pool of roots and its own clock only, and looks for DNS names.
    rejectUnauthorized: false,
  })
  try {
    await handshake(socket, signal)
    return { socket, peer: admitPeer(socket, identity) }
  } catch (error) {
    socket.destroy()
    throw error
  }
}

function handshake(socket: TLSSocket, signal: AbortSignal | undefined): Promise<void> {
  return new Promise((resolve, reject) => {
    const settle = (act: () => void): void => {
      socket.off('secureConnect', onSecure).off('error', onError).off('close', onClose)
      signal?.removeEventListener('abort', onAbort)
      act()
    }
    const onSecure = (): void => settle(resolve)
    const onError = (error: Error): void => settle(() => reject(error))
    const onClose = (): void => settle(() => reject(new Error('the peer closed the connection during the handshake')))
    const onAbort = (): void => {
      // Destroying may raise an error that nobody waits for any more.
      socket.on('error', () => {})
      settle(() => reject(signal?.reason))
    }
    socket.on('secureConnect', onSecure).on('error', onError).on('close', onClose)
    signal?.addEventListener('abort', onAbort, { once: true })
  })
}
