/**
 * The events that a service logs: each one's name, level and component. Names are relied on by operators' queries:
 * they are stable.
 * @module
 */

export type LogLevel = 'debug' | 'info' | 'warn' | 'error'

/** The part of the house that an event tells of. */
export type LogComponent = 'integration' | 'vault' | 'spiffe' | 'grpc' | 'database'

interface LogEventDefinition {
  readonly level: LogLevel
  readonly component: LogComponent
  readonly summary: string
}

export const logEvents = {
  vault_integration_initialized: {
    level: 'info',
    component: 'integration',
    summary: 'Everything that the configuration asks for is held.',
  },
  vault_initialization_failed: {
    level: 'error',
    component: 'integration',
    summary: 'The start was given up; nothing is left open.',
  },
  vault_login_succeeded: { level: 'info', component: 'vault', summary: 'A Vault token was obtained by a login.' },
  vault_token_renewed: { level: 'info', component: 'vault', summary: 'The Vault token was renewed.' },
  vault_token_renewal_failed: {
    level: 'warn',
    component: 'vault',
    summary: 'The Vault token could not be renewed, or a login failed.',
  },
  credential_fetched: { level: 'info', component: 'vault', summary: 'A credential or a secret was obtained.' },
  credential_renewed: { level: 'info', component: 'vault', summary: 'A credential was renewed.' },
  credential_replaced: {
    level: 'info',
    component: 'vault',
    summary: 'A new credential took the place of one that is near its end.',
  },
  credential_revoked: { level: 'info', component: 'vault', summary: 'A credential that nobody uses was revoked.' },
  credential_renewal_failed: { level: 'warn', component: 'vault', summary: 'A credential could not be renewed.' },
  svid_updated: { level: 'info', component: 'spiffe', summary: 'A new SVID is in use.' },
  svid_fetch_failed: { level: 'warn', component: 'spiffe', summary: 'The Workload API gave no SVID.' },
  trust_bundle_updated: { level: 'info', component: 'spiffe', summary: 'A trust bundle has changed.' },
  jwt_svid_attached: { level: 'debug', component: 'grpc', summary: 'A JWT-SVID was put on an outgoing call.' },
  jwt_svid_validated: { level: 'debug', component: 'grpc', summary: "A caller's JWT-SVID was found valid." },
  jwt_svid_rejected: { level: 'warn', component: 'grpc', summary: 'A call was refused.' },
  static_credentials_in_use: {
    level: 'warn',
    component: 'integration',
    summary: 'Static credentials stand in for Vault or SPIFFE, which is switched off.',
  },
  shutdown_complete: { level: 'info', component: 'integration', summary: 'Everything was closed.' },
} as const satisfies Readonly<Record<string, LogEventDefinition>>

export type LogEventName = keyof typeof logEvents
