/**
 * The calls of the Workload API, answered as a SPIRE agent does. The WIT calls are left out, so they are
 * answered with Unimplemented.
 * @see SPIFFE_Workload_API.md, sections 5 and 6
 * @module
 */
import type { JsonObject, MessageInitShape } from '@bufbuild/protobuf'
import type { Clock } from '@chaveiro/rotation'
import { JwtBundle, SpiffeId, SpiffeIdError, SvidError, verifyJwtSvid } from '@chaveiro/spiffe'
import type { ServiceHandlers } from '@chaveiro/spiffe/grpc-definition'
import type {
  SpiffeWorkloadAPI,
  ValidateJWTSVIDResponseSchema,
  X509SVIDResponseSchema,
} from '@chaveiro/spiffe/workload-api-proto'
import { type handleUnaryCall, type ServerWritableStream, status as Status } from '@grpc/grpc-js'
import type { AuthorityChange, DevAuthority } from '../authority/dev-authority.js'
import type { Entry } from './entry.js'

/** What a stream tells of: its caller's identities, or a kind of authority. */
export type Topic = 'svids' | AuthorityChange

/** What the calls need to know of the socket that they came through. */
export interface Caller {
  readonly entries: readonly Entry[]
  readonly authority: DevAuthority
  readonly clock: Clock
  /** Serves a stream with a whole message now and on every change of a topic. */
  subscribe<R>(call: ServerWritableStream<unknown, R>, topics: readonly Topic[], message: () => R): void
}

/** What an agent answers to a process that no entry matches. */
export const noIdentity = { code: Status.PERMISSION_DENIED, details: 'no identity issued' }

export function handlersFor(caller: Caller): ServiceHandlers<typeof SpiffeWorkloadAPI> {
  const { authority } = caller
  return {
    fetchX509SVID: (call) => caller.subscribe(call, ['svids', 'x509'], () => x509Response(caller)),
    fetchX509Bundles: (call) =>
      caller.subscribe(call, ['svids', 'x509'], () => ({
        bundles: { [authority.trustDomain.id]: authority.x509Bundle() },
      })),
    fetchJWTBundles: (call) =>
      caller.subscribe(call, ['svids', 'jwt'], () => ({
        bundles: { [authority.trustDomain.id]: Buffer.from(authority.jwks()) },
      })),
    fetchJWTSVID: answer(async ({ audience, spiffeId }) => {
      const entries = entitled(caller, audience, spiffeId)
      const named = namedAudience(audience)
      const svids = entries.map(async (entry) => ({
        spiffeId: entry.id.toString(),
        svid: await entry.jwt(named),
        hint: entry.hint,
      }))
      return { svids: await Promise.all(svids) }
    }),
    validateJWTSVID: answer(({ audience, svid }) => validate(caller, audience, svid)),
  }
}

function x509Response({ entries, authority }: Caller): MessageInitShape<typeof X509SVIDResponseSchema> {
  const bundle = authority.x509Bundle()
  return {
    svids: entries.map(({ id, svid, hint }) => ({
      spiffeId: id.toString(),
      x509Svid: svid.chainDer,
      x509SvidKey: svid.keyDer,
      bundle,
      hint,
    })),
  }
}

/** The identities that a request for JWT-SVIDs gets, or the status that refuses it. */
function entitled({ entries }: Caller, audience: readonly string[], spiffeId: string): readonly Entry[] {
  if (audience.length === 0) throw invalid('audience must be specified')
  const wanted = spiffeId === '' ? undefined : parseId(spiffeId)
  const granted = wanted ? entries.filter(({ id }) => id.equals(wanted)) : entries
  if (granted.length === 0) throw noIdentity
  return granted
}

/** SPIRE's server leaves empty audiences out; the agent tells of its refusal, when none is left, as Unavailable. */
function namedAudience(audience: readonly string[]): readonly string[] {
  const named = audience.filter((each) => each !== '')
  if (named.length > 0) return named
  throw { code: Status.UNAVAILABLE, details: 'could not fetch JWT-SVID: invalid JWT-SVID audience: cannot be empty' }
}

async function validate(
  { authority, clock }: Caller,
  audience: string,
  token: string,
): Promise<MessageInitShape<typeof ValidateJWTSVIDResponseSchema>> {
  if (audience === '') throw invalid('audience must be specified')
  if (token === '') throw invalid('svid must be specified')
  const bundle = JwtBundle.fromJwks(authority.trustDomain, authority.jwks())
  const jwtBundleFor = (trustDomain: typeof authority.trustDomain): JwtBundle | undefined =>
    trustDomain.equals(authority.trustDomain) ? bundle : undefined
  try {
    const svid = await verifyJwtSvid(token, { jwtBundleFor }, { audience, atMs: clock.wallMs() })
    const claims = { ...svid.claims, aud: [...svid.audience] } as JsonObject
    return { spiffeId: svid.id.toString(), claims }
  } catch (error) {
    if (error instanceof SvidError) throw invalid(error.message)
    throw error
  }
}

function parseId(text: string): SpiffeId {
  try {
    return SpiffeId.parse(text)
  } catch (error) {
    if (error instanceof SpiffeIdError) throw invalid(`invalid requested SPIFFE ID: ${error.message}`)
    throw error
  }
}

const invalid = (details: string): { code: Status; details: string } => ({ code: Status.INVALID_ARGUMENT, details })

/** Turns an async function that throws statuses into a handler. */
function answer<Q, R>(respond: (request: Q) => Promise<R>): handleUnaryCall<Q, R> {
  return (call, callback) => {
    respond(call.request).then(
      (response) => callback(null, response),
      (reason) => callback(reason),
    )
  }
}
