/**
 * Which callers may call which methods: read once, refused whole when a line of it makes no sense, and closed
 * to everybody whom it does not name.
 * @module
 */

import {
  type Authorizer,
  authorizeId,
  authorizePrefix,
  authorizeTrustDomain,
  SpiffeId,
  TrustDomain,
} from '@chaveiro/spiffe'
import type { ServiceDefinition } from '@grpc/grpc-js'
import { GrpcAuthError } from './errors.js'

/** One SPIFFE ID; all below a path of a trust domain (whole segments); or a whole trust domain. */
export type CallerRule = string | { readonly prefix: string } | { readonly trustDomain: string }

/**
 * Method, as `/package.Service/Method` or `/package.Service/*`, to those who may call it. The exact method goes
 * before `/*`; an empty list is nobody; what is not named is refused. `'open'` admits everyone **without a token**:
 * for health checks and reflection.
 */
export type MethodPolicy = Readonly<Record<string, readonly CallerRule[] | 'open'>>

/** A policy that has been read. */
export interface CompiledPolicy {
  /** @param method - `/package.Service/Method` */
  rule(method: string): Authorizer | 'open' | undefined
}

const methodForm = /^\/[A-Za-z_][\w.]*\/(?:[A-Za-z_]\w*|\*)$/

function invalid(message: string, cure: string, cause?: unknown): GrpcAuthError {
  return new GrpcAuthError('ERR_GRPC_POLICY_INVALID', message, { cure, cause })
}

function checkMethod(method: string, known: ReadonlySet<string> | undefined): void {
  if (!methodForm.test(method)) {
    throw invalid(
      `policy names "${method}", which is no method`,
      'Write /package.Service/Method or /package.Service/*.',
    )
  }
  if (!known) return
  const named = method.endsWith('/*')
    ? [...known].some((path) => path.startsWith(method.slice(0, -1)))
    : known.has(method)
  if (!named) {
    throw invalid(
      `policy names "${method}", which none of the services has`,
      `Known methods: ${[...known].join(', ')}.`,
    )
  }
}

function workloadId(text: string): SpiffeId {
  const id = SpiffeId.parse(text)
  if (id.path === '') throw new RangeError(`${text} is a trust domain, not a workload`)
  return id
}

function authorizerOf(method: string, rule: CallerRule): Authorizer {
  try {
    if (typeof rule === 'string') return authorizeId(workloadId(rule))
    if ('prefix' in rule) {
      const prefix = workloadId(rule.prefix)
      return authorizePrefix(prefix.trustDomain, prefix.path)
    }
    return authorizeTrustDomain(TrustDomain.parse(rule.trustDomain))
  } catch (cause) {
    const text = typeof rule === 'string' ? rule : JSON.stringify(rule)
    throw invalid(
      `policy for ${method} names ${text}: ${cause instanceof Error ? cause.message : 'not a caller'}`,
      'Name a workload as spiffe://trust-domain/path, {prefix: "spiffe://trust-domain/path"} or {trustDomain: "trust-domain"}.',
      cause,
    )
  }
}

/**
 * @param services - when given, a policy line for a method that none of them has is refused
 * @throws {GrpcAuthError} `ERR_GRPC_POLICY_INVALID` naming the line
 */
export function compilePolicy(policy: MethodPolicy, services?: readonly ServiceDefinition[]): CompiledPolicy {
  const known = services && new Set(services.flatMap((service) => Object.values(service).map(({ path }) => path)))
  const rules = new Map<string, Authorizer | 'open'>()
  for (const [method, callers] of Object.entries(policy)) {
    checkMethod(method, known)
    if (callers !== 'open' && !Array.isArray(callers)) {
      throw invalid(`policy for ${method} is no list of callers`, 'Give a list of callers, or "open".')
    }
    if (callers === 'open') {
      rules.set(method, 'open')
      continue
    }
    const authorizers = callers.map((caller) => authorizerOf(method, caller))
    rules.set(method, (id) => authorizers.some((authorize) => authorize(id)))
  }
  return { rule: (method) => rules.get(method) ?? rules.get(`${method.slice(0, method.lastIndexOf('/'))}/*`) }
}
