/**
 * What can be seen of a service that runs: its credentials' lives, its health, its metrics; and the order to renew.
 * @module
 */
import type { Clock, RotationEvent, RotationSnapshot, Rotator } from '@chaveiro/rotation'
import type { X509Source } from '@chaveiro/spiffe'
import { credentialReport, isoTime } from './admin/credential-report.js'
import type { AdminSubject, HealthReport, RotateReport, ServiceReport } from './admin/report.js'
import type { Configuration } from './configuration/configuration.js'
import { type HealthFacts, liveness, readiness } from './health/health.js'
import { Pulse } from './health/pulse.js'
import { errorRecord } from './telemetry/error-record.js'
import type { Telemetry } from './telemetry/telemetry.js'
import { X509Life } from './telemetry/x509-life.js'

export type Phase = 'starting' | 'running' | 'closing'

export interface ServiceViewOptions {
  readonly configuration: Configuration
  readonly rotator: Rotator
  readonly telemetry: Telemetry
  readonly clock: Clock
}

export class ServiceView implements AdminSubject {
  phase: Phase = 'starting'
  readonly #options: ServiceViewOptions
  readonly #pulse: Pulse
  /** Absent with SPIFFE off. */
  readonly #x509: X509Life | undefined
  readonly #staticCredentials: readonly string[]

  constructor(options: ServiceViewOptions) {
    const { configuration, telemetry, clock } = options
    this.#options = options
    this.#pulse = new Pulse(clock)
    this.#x509 = configuration.spiffe && new X509Life(clock, (id) => this.#pulse.beat(id))
    const staticFor = { vault: configuration.vault === undefined, spire: configuration.spiffe === undefined }
    this.#staticCredentials = Object.entries(staticFor).flatMap(([dependency, off]) => (off ? [dependency] : []))
    telemetry.show({ credentials: () => this.#credentials(), staticFor })
  }

  /** The X.509-SVID of this source is shown from now on. */
  follow(source: X509Source): void {
    this.#x509?.follow(source)
  }

  metrics(): Promise<{ contentType: string; body: string }> {
    return this.#options.telemetry.metrics()
  }

  liveness(): HealthReport {
    const facts = this.#facts()
    this.#pulse.keepOnly(new Set(facts.credentials.map(({ id }) => id)))
    return liveness(facts)
  }

  readiness(): HealthReport {
    return readiness(this.#facts())
  }

  report(): ServiceReport {
    const { configuration, telemetry, clock } = this.#options
    return {
      service: configuration.serviceName,
      at: isoTime(clock.wallMs()),
      spiffe_id: this.#x509?.spiffeId ?? null,
      vault_state: configuration.vault === undefined ? null : (telemetry.vaultState ?? null),
      static_credentials: this.#staticCredentials,
      ready: this.readiness().status === 'ready',
      rotations: this.#credentials().map((snapshot) => credentialReport(snapshot, this.#events(snapshot.id))),
    }
  }

  /** Renews all but SVIDs: those are the agent's, which answers with the one it has until half of its life is over. */
  async rotate(): Promise<RotateReport> {
    const rotations = [...this.#options.rotator.rotations].filter(({ credentialType }) => !isSvid(credentialType))
    const outcomes = await Promise.allSettled(rotations.map((rotation) => rotation.renewNow('request')))
    const named = rotations.map(({ credentialType, name }, index) => {
      const outcome = outcomes[index]
      return { credential_type: credentialType, name, failure: outcome?.status === 'rejected' ? [outcome.reason] : [] }
    })
    return {
      renewed: named
        .filter(({ failure }) => failure.length === 0)
        .map(({ credential_type, name }) => ({ credential_type, name })),
      failed: named.flatMap(({ credential_type, name, failure }) =>
        failure.map((error) => ({ credential_type, name, error_code: errorRecord(error).code })),
      ),
    }
  }

  /** Calling it again is harmless. */
  close(): void {
    this.#pulse.close()
    this.#x509?.close()
  }

  #credentials(): readonly RotationSnapshot[] {
    const rotated = [...this.#options.rotator.rotations].map((rotation) => rotation.snapshot())
    const all = this.#x509 === undefined ? rotated : [this.#x509.snapshot(), ...rotated]
    return all.filter(({ state }) => state !== 'closed')
  }

  #events(credentialId: string): readonly RotationEvent[] {
    const pushed = this.#x509?.snapshot().id === credentialId ? this.#x509.events : []
    return pushed.length > 0 ? pushed : this.#options.telemetry.events(credentialId)
  }

  #facts(): HealthFacts {
    return {
      service: this.#options.configuration.serviceName,
      phase: this.phase,
      credentials: this.#credentials(),
      staticCredentials: this.#staticCredentials,
      isStuck: (id) => this.#pulse.isStuck(id),
      lastErrorCode: (id) => this.#events(id).findLast(({ errorCode }) => errorCode !== undefined)?.errorCode,
    }
  }
}

const isSvid = (credentialType: string): boolean => credentialType.endsWith('_svid')
