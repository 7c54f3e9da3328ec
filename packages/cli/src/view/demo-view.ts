/**
 * The picture of the running demo: who am I, what do I hold, how long does it live. Pure: a view in, lines out.
 * @module
 */
import type { CredentialView, PlatformView, ServiceView } from '@chaveiro/dev'
import type { Paint } from '../terminal.js'

const barWidth = 24
const labelWidth = 48
const shownHappenings = 8

/** @returns the lines of one frame */
export function drawDemo(view: PlatformView, paint: Paint): string[] {
  return [
    `${paint('bold', 'Chaveiro')}  ${paint('dim', clockText(view.elapsedMs))}`,
    '',
    ...view.services.flatMap((service) => drawService(service, paint)),
    drawCounts(view, paint),
    '',
    ...view.happenings.slice(-shownHappenings).map(({ atMs, service, text }) => {
      return `${paint('dim', clockText(atMs))} ${service.padEnd(20)} ${text}`
    }),
  ]
}

function drawService(service: ServiceView, paint: Paint): string[] {
  const state = service.state === 'ready' ? paint('green', '●') : paint('yellow', '○')
  return [
    `${state} ${paint('bold', service.name)}  ${paint('dim', service.spiffeId)}`,
    ...service.credentials.map((credential) => `    ${drawCredential(credential, service, paint)}`),
    '',
  ]
}

function drawCredential(credential: CredentialView, { spiffeId }: ServiceView, paint: Paint): string {
  // An X.509-SVID is named as its service, which stands above it already.
  const name = credential.name === spiffeId ? '' : credential.name
  const label = `${credential.type.padEnd(9)} ${name}`.slice(0, labelWidth).padEnd(labelWidth)
  const { ttlSeconds, remainingSeconds } = credential
  if (ttlSeconds === undefined || remainingSeconds === undefined) return `${label} ${paint('dim', 'waiting')}`
  if (ttlSeconds === 0) return `${label} ${paint('green', '━'.repeat(barWidth))}  never ends`
  const share = Math.min(1, remainingSeconds / ttlSeconds)
  const bar = drawBar(share, paint)
  const left = `${Math.floor(remainingSeconds)}s`.padStart(5)
  const past = paint(
    'dim',
    `of ${Math.round(ttlSeconds)}s  renewed ${credential.renewals}  replaced ${credential.replacements}`,
  )
  return `${label} ${bar} ${left} ${past}`
}

/** Life left. Below 0.20 a renewal is overdue, which is worth a colour. */
function drawBar(share: number, paint: Paint): string {
  const filled = Math.round(share * barWidth)
  return paint(share < 0.2 ? 'red' : 'green', '━'.repeat(filled)) + paint('dim', '─'.repeat(barWidth - filled))
}

function drawCounts({ queries, calls }: PlatformView, paint: Paint): string {
  const failed = (count: number): string => (count > 0 ? paint('red', `${count} failed`) : paint('dim', '0 failed'))
  return [
    `queries  ${paint('bold', String(queries.done))} done, ${failed(queries.failed)}`,
    `calls  ${paint('bold', String(calls.accepted))} accepted, ${calls.refusedAsExpected} intruder's refused, ${failed(calls.failed)}`,
  ].join('     ')
}

function clockText(elapsedMs: number): string {
  const seconds = Math.floor(elapsedMs / 1000)
  return `${String(Math.floor(seconds / 60)).padStart(2, '0')}:${String(seconds % 60).padStart(2, '0')}`
}
