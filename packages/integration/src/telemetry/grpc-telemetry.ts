/**
 * From the events of calls to log events and counts.
 * @module
 */
import {
  type JwtSvidAttached,
  type JwtSvidAttachFailed,
  type JwtSvidRejected,
  type JwtSvidValidated,
  jwtSvidAttached,
  jwtSvidAttachFailed,
  jwtSvidRejected,
  jwtSvidValidated,
  type UnsafeFallbackAdmitted,
  unsafeFallbackAdmitted,
} from '@chaveiro/grpc'
import type { Log } from './log.js'
import type { Meters } from './meters.js'
import type { Subscriptions } from './subscriptions.js'

export function tellCalls(subscriptions: Subscriptions, log: Log, meters: Meters): void {
  subscriptions.on<JwtSvidAttached>(jwtSvidAttached, (event) => {
    const { correlationId, method, audience, subject, expiresInSeconds } = event
    const call = { reason: 'outgoing_call', correlation_id: correlationId, method, audience }
    log.event('jwt_svid_attached', { ...call, subject, expires_in_seconds: expiresInSeconds })
  })
  subscriptions.on<JwtSvidAttachFailed>(jwtSvidAttachFailed, (event) => {
    const { correlationId, method, audience, reason, errorCode } = event
    log.event('svid_fetch_failed', { reason, correlation_id: correlationId, method, audience, error_code: errorCode })
  })
  tellIncoming(subscriptions, log, meters)
}

function tellIncoming(subscriptions: Subscriptions, log: Log, meters: Meters): void {
  subscriptions.on<JwtSvidValidated>(jwtSvidValidated, (event) => {
    const { correlationId, service, method, subject, expiresInSeconds } = event
    meters.count('grpc_jwt_auth_attempts_total', { service, status: 'success' })
    const call = { reason: 'policy', correlation_id: correlationId, method }
    log.event('jwt_svid_validated', { ...call, subject, expires_in_seconds: expiresInSeconds })
  })
  subscriptions.on<JwtSvidRejected>(jwtSvidRejected, (event) => {
    const { correlationId, service, method, reason, subject, errorCode } = event
    meters.count('grpc_jwt_auth_attempts_total', { service, status: 'failure' })
    meters.count('grpc_jwt_auth_failures_total', { service, reason })
    const call = { reason, correlation_id: correlationId, method }
    log.event('jwt_svid_rejected', { ...call, subject, error_code: errorCode })
  })
  subscriptions.on<UnsafeFallbackAdmitted>(unsafeFallbackAdmitted, ({ service }) => {
    meters.count('grpc_jwt_auth_attempts_total', { service, status: 'fallback' })
  })
}
