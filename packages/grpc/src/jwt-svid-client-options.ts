/**
 * Everything a client needs to send JWT-SVIDs safely, as one object for its constructor.
 * @module
 */
import type { ClientOptions } from '@grpc/grpc-js'
import { withChannelFacts } from './client-options.js'
import { type JwtSvidClientOptions, jwtSvidClientInterceptor } from './jwt-svid-client.js'

/**
 * Client options with {@link jwtSvidClientInterceptor} in them that also tell it its channel: over TLS it sends the
 * token anywhere, in plaintext only to loopback and unix sockets. The interceptor goes last, nearest the wire.
 * @param others - the application's own client options; a `channelOverride` in them has unknown security, and is
 * judged by its target
 */
export function jwtSvidClientOptions(jwtSvid: JwtSvidClientOptions, others: ClientOptions = {}): ClientOptions {
  return withChannelFacts({
    ...others,
    interceptors: [...(others.interceptors ?? []), jwtSvidClientInterceptor(jwtSvid)],
  })
}
