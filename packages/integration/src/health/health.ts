/**
 * Liveness and readiness. Liveness never asks whether Vault, SPIRE or the database answer: a restart would not make
 * them answer, and would throw away what is still valid. Readiness asks whether everything needed is held.
 * @module
 */
import type { RotationSnapshot } from '@chaveiro/rotation'
import type { HealthReport, MissingReport } from '../admin/report.js'
import { lifeOf } from '../telemetry/life.js'

/** What health is judged by. */
export interface HealthFacts {
  readonly service: string
  readonly phase: 'starting' | 'running' | 'closing'
  readonly credentials: readonly RotationSnapshot[]
  readonly staticCredentials: readonly string[]
  /** Nothing was heard of this credential for longer than any pause between two attempts. */
  isStuck(credentialId: string): boolean
  /** Code of the last failure of this credential. */
  lastErrorCode(credentialId: string): string | undefined
}

/** Stuck: a credential has ended, and nobody tries to replace it any more. Only a restart helps then. */
export function liveness(facts: HealthFacts): HealthReport {
  const stuck = facts.credentials.filter((credential) => hasNothing(credential) && facts.isStuck(credential.id))
  return {
    status: stuck.length === 0 ? 'alive' : 'stuck',
    service: facts.service,
    static_credentials: facts.staticCredentials,
    missing: stuck.map((credential) => missing(credential, 'no longer tried for', facts)),
  }
}

export function readiness(facts: HealthFacts): HealthReport {
  const ended = facts.credentials
    .filter((credential) => isNeeded(credential) && hasNothing(credential))
    .map((credential) => missing(credential, lifeOf(credential) === undefined ? 'not obtained yet' : 'expired', facts))
  const phase =
    facts.phase === 'running'
      ? []
      : [{ credential_type: 'service', name: facts.service, reason: facts.phase, error_code: null }]
  const all = [...phase, ...ended]
  return {
    status: all.length === 0 ? 'ready' : 'not_ready',
    service: facts.service,
    static_credentials: facts.staticCredentials,
    missing: all,
  }
}

/** A JWT-SVID is fetched for a call; when there is none the call fails, and the rest of the service works on. */
const isNeeded = ({ credentialType }: RotationSnapshot): boolean => credentialType !== 'jwt_svid'

const hasNothing = (credential: RotationSnapshot): boolean => (lifeOf(credential)?.remainingSeconds ?? 0) <= 0

function missing({ id, credentialType, name }: RotationSnapshot, reason: string, facts: HealthFacts): MissingReport {
  return { credential_type: credentialType, name, reason, error_code: facts.lastErrorCode(id) ?? null }
}
