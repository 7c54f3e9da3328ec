/**
 * Has services renew everything they hold, now, and looks whether it helped.
 * @module
 */
import { type Clock, sleep, systemClock } from '@chaveiro/rotation'
import { readinessForHangup } from './hangup.js'
import { askAdmin, askRotation, type ServiceCredential, type ServiceRotations } from './service-admin.js'

/** A service to be helped: by its admin endpoint, by a signal, or by both. */
export interface RotationTarget {
  readonly name: string
  /** `http://127.0.0.1:9464`; asked first. */
  readonly admin?: string
  /** Sent SIGHUP when the endpoint does not take the order. */
  readonly pid?: number
}

export interface ServiceOutcome {
  readonly service: string
  /**
   * `renewed`: verified. `signalled`: the order was given, and nothing could be asked afterwards. `overdue`: it does
   * not help. `seen`: a rehearsal.
   */
  readonly outcome: 'renewed' | 'signalled' | 'overdue' | 'refused' | 'unreachable' | 'seen'
  /** Overdue or expired when it was looked at first; null when that could not be asked. */
  readonly overdue_before: readonly string[] | null
  readonly overdue_after: readonly string[] | null
  readonly explanation: string
  readonly cure: string
}

export interface RotationOptions {
  readonly targets: readonly RotationTarget[]
  /** Looks, and orders nothing. Default false. */
  readonly dryRun?: boolean
  /** How long what a signal set off may take, in milliseconds. Default 15 000. */
  readonly settleMs?: number
  readonly clock?: Clock
  readonly signal?: AbortSignal | undefined
}

const pauseMs = 500

/** One service after the other, so that a fleet does not fall upon Vault at once. @throws the signal's reason */
export async function renewServices(options: RotationOptions): Promise<ServiceOutcome[]> {
  const outcomes: ServiceOutcome[] = []
  for (const target of options.targets) {
    options.signal?.throwIfAborted()
    outcomes.push(await renewOne(target, options))
  }
  return outcomes
}

async function renewOne(target: RotationTarget, options: RotationOptions): Promise<ServiceOutcome> {
  const { dryRun = false, signal } = options
  const before = await overdueOf(target, signal)
  const outcome = (
    kind: ServiceOutcome['outcome'],
    explanation: string,
    cure = '',
    after: readonly string[] | null = null,
  ): ServiceOutcome => {
    return {
      service: target.name,
      outcome: kind,
      overdue_before: before ?? null,
      overdue_after: after,
      explanation,
      cure,
    }
  }
  if (dryRun) {
    if (!before) return outcome('unreachable', 'its admin endpoint does not answer', restart(target))
    return outcome('seen', before.length === 0 ? 'nothing is overdue' : `overdue: ${before.join(', ')}`)
  }
  const order = await giveOrder(target, signal)
  if (order.outcome !== 'given') return outcome(order.outcome, order.explanation, order.cure)
  const after = await settled(target, options, order.waits)
  if (!after) {
    const cure = 'Look for vault_token_renewed in its log.'
    return outcome('signalled', `${order.explanation}; whether it helped could not be asked`, cure)
  }
  const left = [...new Set([...after, ...order.failed])]
  if (left.length === 0) return outcome('renewed', order.explanation, '', after)
  return outcome('overdue', `${order.explanation}; still not renewed: ${left.join(', ')}`, restart(target), left)
}

const restart = ({ name }: RotationTarget): string =>
  `Look at its log and at Vault (chaveiro validate), then restart it: kubectl rollout restart deployment/${name}`

interface Order {
  readonly outcome: 'given' | 'refused' | 'unreachable'
  readonly explanation: string
  readonly cure: string
  /** Credentials that the service says it could not renew. */
  readonly failed: readonly string[]
  /** Whether the service goes on after the order was taken. */
  readonly waits: boolean
}

async function giveOrder(target: RotationTarget, signal: AbortSignal | undefined): Promise<Order> {
  const byEndpoint = target.admin === undefined ? undefined : await orderByEndpoint(target.admin, signal)
  if (byEndpoint && (byEndpoint.outcome === 'given' || target.pid === undefined)) return byEndpoint
  return target.pid === undefined
    ? notGiven('unreachable', 'neither an endpoint nor a process is known')
    : hangUp(target.pid)
}

async function orderByEndpoint(admin: string, signal: AbortSignal | undefined): Promise<Order> {
  try {
    const { status, body } = await askRotation(admin, signal)
    if (status === 200 || status === 502) return readReport(body)
    const cure = 'Give the order on the machine of the service (kubectl exec), or send it SIGHUP: --pid NAME=PID'
    return notGiven('refused', `its admin endpoint answers ${status}: it takes orders from its own machine alone`, cure)
  } catch (error) {
    signal?.throwIfAborted()
    const cure = 'See that it runs and where its admin endpoint is (CHAVEIRO_ADMIN_ADDRESS), or use --pid NAME=PID.'
    return notGiven('unreachable', `its admin endpoint does not answer: ${(error as Error).message}`, cure)
  }
}

interface Report {
  readonly renewed: readonly { readonly credential_type: string; readonly name: string }[]
  readonly failed: readonly { readonly credential_type: string; readonly name: string; readonly error_code: string }[]
}

function readReport(body: string): Order {
  const { renewed, failed } = JSON.parse(body) as Report
  return {
    outcome: 'given',
    explanation: `renewed ${renewed.map(credentialName).join(', ') || 'nothing'}`,
    cure: '',
    failed: failed.map((each) => `${credentialName(each)} (${each.error_code})`),
    waits: false,
  }
}

async function hangUp(pid: number): Promise<Order> {
  switch (await readinessForHangup(pid)) {
    case 'absent':
      return notGiven('unreachable', `there is no process ${pid}`, 'Look for its process id: pgrep -af node')
    case 'would_end':
      return notGiven('refused', `process ${pid} does not listen for SIGHUP, and would end`, 'Is it the right process?')
    case 'unknown':
      return notGiven(
        'refused',
        `whether process ${pid} listens for SIGHUP cannot be seen here`,
        `If it does: kill -HUP ${pid}`,
      )
    case 'listens':
      break
  }
  try {
    process.kill(pid, 'SIGHUP')
  } catch (error) {
    return notGiven('refused', `process ${pid}: ${(error as NodeJS.ErrnoException).code}`, 'Run this as its user.')
  }
  return { outcome: 'given', explanation: `SIGHUP was sent to process ${pid}`, cure: '', failed: [], waits: true }
}

const notGiven = (outcome: 'refused' | 'unreachable', explanation: string, cure = ''): Order => {
  return { outcome, explanation, cure, failed: [], waits: false }
}

/** @returns what is overdue once the service is done, or at the end of the time it has; undefined when it cannot be asked */
async function settled(
  target: RotationTarget,
  { settleMs = 15_000, clock = systemClock, signal }: RotationOptions,
  waits: boolean,
): Promise<readonly string[] | undefined> {
  const endMs = clock.monotonicMs() + (waits ? settleMs : 0)
  for (;;) {
    const overdue = await overdueOf(target, signal)
    if (overdue?.length === 0 || !target.admin || clock.monotonicMs() >= endMs) return overdue
    await sleep(clock, pauseMs, signal)
  }
}

async function overdueOf({ admin }: RotationTarget, signal: AbortSignal | undefined): Promise<string[] | undefined> {
  if (admin === undefined) return undefined
  try {
    const { status, body } = await askAdmin(admin, '/rotations', signal)
    if (status !== 200) return undefined
    const { rotations } = JSON.parse(body) as ServiceRotations
    return rotations.filter(({ overdue, state }) => overdue || state === 'expired').map(credentialName)
  } catch {
    signal?.throwIfAborted()
    return undefined
  }
}

const credentialName = ({ credential_type, name }: Pick<ServiceCredential, 'credential_type' | 'name'>): string =>
  `${credential_type} ${name}`
