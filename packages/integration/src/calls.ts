/**
 * gRPC with this service's identity: what a client and a server need, made ready.
 * @module
 */
import {
  jwtSvidClientOptions,
  jwtSvidServerInterceptor,
  type MethodPolicy,
  spiffeChannelCredentials,
  spiffeServerCredentials,
} from '@chaveiro/grpc'
import type { Clock, Secret } from '@chaveiro/rotation'
import type { Authorizer, JwtSource, X509Source } from '@chaveiro/spiffe'
import {
  type ChannelCredentials,
  type ClientOptions,
  credentials,
  ServerCredentials,
  type ServerInterceptor,
  type ServiceDefinition,
} from '@grpc/grpc-js'
import { IntegrationError } from './errors.js'
import { peerTokenClientInterceptor, peerTokenServerInterceptor } from './static-credentials/peer-token.js'

/** An identity of its own, or the token that stands in for it. */
export type CallIdentity =
  | { readonly x509: X509Source; readonly jwt: JwtSource }
  | { readonly peerToken: Secret | undefined }

export interface CallsOptions {
  readonly identity: CallIdentity
  readonly serviceName: string
  /** Audience that callers of this service must name. */
  readonly audience: string | undefined
  readonly clock: Clock
}

export interface ClientCallOptions {
  /** What the called service accepts tokens for. */
  readonly audience: string
  /** Also send the token over plaintext that leaves this machine. Default false. */
  readonly allowPlaintext?: boolean
  /** The application's own client options. */
  readonly others?: ClientOptions
}

export interface ServerCallOptions {
  /** Who may call what. What it does not name is refused. */
  readonly policy: MethodPolicy
  /** The services this server has; a policy line for a method that none has is then refused at once. */
  readonly services?: readonly ServiceDefinition[]
  /** Also demand that the token and the connection's X.509-SVID name the same workload. Default false. */
  readonly requireSamePeer?: boolean
}

/**
 * With SPIFFE off, a token that the peers share takes the place of JWT-SVIDs, and connections are in the clear: the
 * policy cannot be asked then, since nobody knows who calls.
 */
export class Calls {
  readonly #options: CallsOptions

  constructor(options: CallsOptions) {
    this.#options = options
  }

  /** Options for a client's constructor, so that each of its calls bears a JWT-SVID. */
  clientOptions({ audience, allowPlaintext = false, others = {} }: ClientCallOptions): ClientOptions {
    const { identity, clock } = this.#options
    if ('jwt' in identity)
      return jwtSvidClientOptions({ source: identity.jwt, audience, allowPlaintext, clock }, others)
    const interceptor = peerTokenClientInterceptor(this.#peerToken(identity.peerToken))
    return { ...others, interceptors: [...(others.interceptors ?? []), interceptor] }
  }

  /**
   * Judges each incoming call by its JWT-SVID and the policy.
   * @throws {IntegrationError} ERR_INTEGRATION_NOT_CONFIGURED without an audience, or without a peer token
   */
  serverInterceptor(options: ServerCallOptions): ServerInterceptor {
    const { identity, serviceName: service, audience, clock } = this.#options
    if ('peerToken' in identity) return peerTokenServerInterceptor(this.#peerToken(identity.peerToken), service)
    if (audience === undefined) {
      throw new IntegrationError('ERR_INTEGRATION_NOT_CONFIGURED', 'this service has no audience to be called for', {
        cure: 'Set CHAVEIRO_SPIFFE_AUDIENCE (or spiffe.audience in the file).',
      })
    }
    return jwtSvidServerInterceptor({ ...options, bundles: identity.jwt, audience, service, clock })
  }

  /** mTLS with our X.509-SVID, to peers that `authorize` admits. In the clear with SPIFFE off. */
  channelCredentials(authorize: Authorizer): ChannelCredentials {
    const { identity, clock } = this.#options
    if ('peerToken' in identity) return credentials.createInsecure()
    return spiffeChannelCredentials({ svid: identity.x509, bundles: identity.x509, authorize, clock })
  }

  /** mTLS with our X.509-SVID, for peers that `authorize` admits. In the clear with SPIFFE off. */
  serverCredentials(authorize: Authorizer): ServerCredentials {
    const { identity, clock } = this.#options
    if ('peerToken' in identity) return ServerCredentials.createInsecure()
    return spiffeServerCredentials({ svid: identity.x509, bundles: identity.x509, authorize, clock })
  }

  #peerToken(token: Secret | undefined): Secret {
    if (token !== undefined) return token
    throw new IntegrationError('ERR_INTEGRATION_NOT_CONFIGURED', 'SPIFFE is off and no token stands in for it', {
      cure: 'Name a file with the token that the peers share in CHAVEIRO_STATIC_PEER_TOKEN_FILE, or switch SPIFFE on.',
    })
  }
}
