/**
 * Do the services that run hold what they need, renew it in time, and show it?
 * @module
 */

import { askAdmin, type ServiceRotations } from '../../emergency/service-admin.js'
import type { Check } from '../check.js'
import { type Finding, failed, ok, unknown } from '../finding.js'
import type { Inspection } from '../inspection.js'

/** Families that dashboards and alerts stand on. */
const wantedMetrics = ['vault_token_ttl_seconds', 'chaveiro_rotation_overdue', 'chaveiro_runway_seconds']

export const serviceChecks: readonly Check[] = [
  {
    code: 'CHV0701',
    group: 'services',
    state: 'services are ready',
    needs: [],
    look: (inspection, signal) =>
      eachService(inspection, async (admin) => {
        const { status, body } = await askAdmin(admin, '/readyz', signal)
        return status === 200 ? undefined : `not ready: ${body.trim().slice(0, 200)}`
      }),
  },
  {
    code: 'CHV0702',
    group: 'services',
    state: 'services expose their metrics',
    needs: ['CHV0701'],
    look: (inspection, signal) =>
      eachService(inspection, async (admin) => {
        const { status, body } = await askAdmin(admin, '/metrics', signal)
        const absent = wantedMetrics.filter((name) => !body.includes(`# TYPE ${name} `))
        if (status !== 200) return `/metrics answers ${status}`
        return absent.length > 0 ? `lacks ${absent.join(', ')}` : undefined
      }),
  },
  {
    code: 'CHV0703',
    group: 'services',
    state: 'no credential of a service is overdue for renewal',
    needs: ['CHV0701'],
    look: (inspection, signal) =>
      eachService(inspection, async (admin) => {
        const { body } = await askAdmin(admin, '/rotations', signal)
        const { rotations } = JSON.parse(body) as ServiceRotations
        const overdue = rotations.filter((rotation) => rotation.overdue)
        if (overdue.length === 0) return undefined
        return `overdue: ${overdue.map(({ credential_type, name }) => `${credential_type} ${name}`).join(', ')}`
      }),
  },
]

async function eachService(
  { platform: { services } }: Inspection,
  problem: (admin: string) => Promise<string | undefined>,
): Promise<Finding> {
  if (services.length === 0) {
    return unknown('no service was named', 'Name those that run: --service NAME=http://127.0.0.1:9464')
  }
  const problems: string[] = []
  for (const { name, admin } of services) {
    const found = await problem(admin)
    if (found !== undefined) problems.push(`${name}: ${found}`)
  }
  if (problems.length === 0) return ok(services.map(({ name }) => name).join(', '))
  return failed(problems.join('; '), 'Look at /rotations of the service; chaveiro emergency rotation renews it now.')
}
