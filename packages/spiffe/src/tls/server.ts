/**
 * The server side of mutual TLS with X509-SVIDs.
 * @module
 */
import type { Socket } from 'node:net'
import { createServer, type Server, type TLSSocket, type TlsOptions } from 'node:tls'
import type { X509Svid } from '../svid/x509-svid.js'
import { ownSide, type TlsIdentity } from './options.js'
import { admitPeer } from './peer.js'

/**
 * A server that shows the newest SVID at each connection and hands on only connections whose client has been
 * verified and authorised: nothing listens to the others. Each refused one is told as `tlsClientError`, with the
 * {@link SvidError}, and closed. While `svid` has none that is valid, every connection is closed so.
 * @param create - makes the server out of the options, for instance `(tls) => https.createServer(tls, handler)`;
 *   it may add options (`ALPNProtocols`), not change ours. Default: `tls.createServer`
 * @example
 * const server = createTlsServer({ svid: source, bundles: source, authorize: authorizeTrustDomain('example.org') })
 * server.on('secureConnection', (socket) => socket.end(`hello ${peerSvid(socket)?.id}`))
 */
export function createTlsServer(identity: TlsIdentity): Server
export function createTlsServer<S extends Server>(identity: TlsIdentity, create: (options: TlsOptions) => S): S
export function createTlsServer(identity: TlsIdentity, create: (options: TlsOptions) => Server = createServer): Server {
  // Judged below, since Node knows one pool of roots and its own clock only.
  const server = create({ requestCert: true, rejectUnauthorized: false, minVersion: 'TLSv1.2' })
  showNewestSvid(server, identity)
  admitVerifiedOnly(server, identity)
  return server
}

function showNewestSvid(server: Server, { svid }: TlsIdentity): void {
  let shown: X509Svid | undefined
  server.prependListener('connection', (raw: Socket) => {
    try {
      const newest = svid.x509Svid()
      if (newest === shown) return
      server.setSecureContext(ownSide(newest))
      shown = newest
    } catch (error) {
      raw.destroy()
      server.emit('tlsClientError', error as Error, raw as TLSSocket)
    }
  })
}

function admitVerifiedOnly(server: Server, identity: TlsIdentity): void {
  const emit = server.emit.bind(server) as (event: string | symbol, ...args: unknown[]) => boolean
  const admit = (socket: TLSSocket): boolean => {
    try {
      admitPeer(socket, identity)
    } catch (error) {
      socket.destroy()
      return emit('tlsClientError', error, socket)
    }
    return emit('secureConnection', socket)
  }
  server.emit = (event: string | symbol, ...args: unknown[]): boolean =>
    event === 'secureConnection' ? admit(args[0] as TLSSocket) : emit(event, ...args)
}
