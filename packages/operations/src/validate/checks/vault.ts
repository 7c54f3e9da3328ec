/**
 * Is there a Vault that answers, is open, and knows us?
 * @module
 */
import { PermissionDeniedError } from '@chaveiro/vault'
import type { Check } from '../check.js'
import { failed, ok, unknown, warning } from '../finding.js'

/** Vault's own default allowance between clocks when it checks a JWT is 60 s. */
const greatestSkewMs = 60_000
const noticedSkewMs = 5000
/** Below this, releases differ in what these checks read. */
const oldestVersion = [1, 15] as const
const shortTokenSeconds = 300

export const vaultChecks: readonly Check[] = [
  {
    code: 'CHV0101',
    group: 'vault',
    state: 'Vault answers',
    needs: [],
    look: async ({ platform: { vault } }, signal) => {
      const { role } = await vault.sys.health({ signal })
      return ok(`${vault.address} answers as ${role}`)
    },
  },
  {
    code: 'CHV0102',
    group: 'vault',
    state: 'Vault is initialised',
    needs: ['CHV0101'],
    look: async ({ platform: { vault } }, signal) => {
      const { initialized } = await vault.sys.health({ signal })
      if (initialized) return ok('it has a storage of its own')
      return failed(
        'this server was never initialised',
        'Run: vault operator init; keep the shares apart.',
        'unreachable',
      )
    },
  },
  {
    code: 'CHV0103',
    group: 'vault',
    state: 'Vault is unsealed',
    needs: ['CHV0102'],
    look: async ({ platform: { vault } }, signal) => {
      const { sealed, type, threshold, progress } = await vault.sys.sealStatus({ signal })
      if (!sealed) return ok(`seal ${type}`)
      const seen = `sealed (${type}), ${progress} of ${threshold} shares given; credentials that live go on ageing`
      return failed(seen, 'If the seal was not meant, run: chaveiro emergency unseal', 'unreachable')
    },
  },
  {
    code: 'CHV0104',
    group: 'vault',
    state: 'Vault is of a version that is supported',
    needs: ['CHV0103'],
    look: async ({ platform: { vault } }, signal) => {
      const { version } = await vault.sys.health({ signal })
      const [major = 0, minor = 0] = version.split('.').map(Number)
      const [leastMajor, leastMinor] = oldestVersion
      if (major > leastMajor || (major === leastMajor && minor >= leastMinor)) return ok(version)
      return warning(`${version} is older than ${oldestVersion.join('.')}`, 'Upgrade it; this was not tried on it.')
    },
  },
  {
    code: 'CHV0105',
    group: 'vault',
    state: 'the clocks of Vault and of this machine agree',
    needs: ['CHV0103'],
    look: async ({ platform: { vault }, clock }, signal) => {
      const before = clock.wallMs()
      const { serverTimeMs } = await vault.sys.health({ signal })
      if (serverTimeMs === undefined)
        return unknown('Vault did not say its time', 'Compare the clocks by hand: date -u')
      return skewFinding(serverTimeMs, before, clock.wallMs())
    },
  },
  {
    code: 'CHV0106',
    group: 'vault',
    state: 'the token at hand is good',
    needs: ['CHV0103'],
    look: async ({ platform: { vault, hasToken } }, signal) => {
      if (!hasToken)
        return unknown('there is no token', 'Set VAULT_TOKEN to one that may read what the manifest names.')
      try {
        const { ttlSeconds, policies } = await vault.token.lookupSelf({ signal })
        const left = ttlSeconds === 0 ? 'never ends' : `${ttlSeconds} s left`
        if (ttlSeconds === 0 || ttlSeconds >= shortTokenSeconds) return ok(`policies ${policies.join(', ')}; ${left}`)
        return warning(`${left}: it may end before these checks do`, 'Run: vault token renew')
      } catch (error) {
        if (!(error instanceof PermissionDeniedError)) throw error
        return failed(
          'Vault does not know the token: it was revoked or has ended',
          'Log in anew: vault login',
          'denied',
        )
      }
    },
  },
  {
    code: 'CHV0107',
    group: 'vault',
    state: 'no lease is beyond revocation',
    needs: ['CHV0106'],
    look: async ({ platform: { vault } }, signal) => {
      const count = await vault.leases.countIrrevocable({ signal })
      if (count === 0) return ok('0 irrevocable leases')
      const cure =
        'See which: vault read sys/leases type=irrevocable; mend the database they belong to, then revoke them.'
      return failed(`${count} leases that Vault gave up revoking: their users still exist`, cure)
    },
  },
]

/** The server tells whole seconds, so less than one second between the two is no difference. */
function skewFinding(serverMs: number, beforeMs: number, afterMs: number) {
  const skewMs = Math.max(0, beforeMs - (serverMs + 999), serverMs - afterMs)
  const seen = `${Math.round(skewMs / 1000)} s apart`
  const cure = 'Let both machines keep time by NTP (chrony, systemd-timesyncd); JWT-SVIDs are judged by the clock.'
  if (skewMs > greatestSkewMs) return failed(`${seen}: logins with JWT-SVIDs fail`, cure)
  return skewMs > noticedSkewMs ? warning(seen, cure) : ok(seen)
}
