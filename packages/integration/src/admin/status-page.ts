/**
 * The status page: server-rendered HTML, alive through one small module that swaps in what the server renders anew.
 * @module
 */
import type { CredentialReport, EventReport, ServiceReport } from './report.js'

/** What one message of the event stream holds: pieces of HTML, rendered here, by where they belong. */
export interface PageUpdate {
  readonly summary: string
  readonly cards: readonly { readonly id: string; readonly html: string }[]
  /** For screen readers: what happened last, in words; it changes only when something happened. */
  readonly announcement: string
}

const entities: Readonly<Record<string, string>> = {
  '&': '&amp;',
  '<': '&lt;',
  '>': '&gt;',
  '"': '&quot;',
  "'": '&#39;',
}
const escaped = (text: string): string => text.replace(/[&<>"']/g, (letter) => entities[letter] ?? '')

/** @param mayRotate - whether the visitor may renew everything: only from this machine */
export function renderPage(report: ServiceReport, mayRotate: boolean): string {
  const update = renderUpdate(report)
  const button = mayRotate ? '<button type="button" id="rotate">Renew everything now</button>' : ''
  return `<!doctype html>
<html lang="en">
<head>
<meta charset="utf-8">
<meta name="viewport" content="width=device-width, initial-scale=1">
<meta name="color-scheme" content="light dark">
<title>${escaped(report.service)} – Chaveiro</title>
<link rel="stylesheet" href="/assets/status-page.css">
<link rel="icon" href="/assets/icon.svg" type="image/svg+xml">
<script type="module" src="/assets/status-page.js"></script>
</head>
<body>
<a class="skip" href="#credentials">Skip to the credentials</a>
<header>
<h1>${escaped(report.service)}</h1>
<div id="summary">${update.summary}</div>
<p class="actions">${button} <span id="connection" role="status">not live</span></p>
</header>
<main id="credentials" tabindex="-1" aria-label="Credentials">
${update.cards.map(({ id, html }) => `<article id="${escaped(id)}">${html}</article>`).join('\n')}
</main>
<p id="announcement" class="quiet" role="log" aria-live="polite">${update.announcement}</p>
<footer><nav aria-label="Endpoints"><a href="/metrics">metrics</a> <a href="/rotations">rotations</a>
<a href="/healthz">liveness</a> <a href="/readyz">readiness</a></nav></footer>
</body>
</html>
`
}

/** What changes while the page is open. */
export function renderUpdate(report: ServiceReport): PageUpdate {
  return {
    summary: renderSummary(report),
    cards: report.rotations.map((credential) => ({ id: cardId(credential), html: renderCard(credential) })),
    announcement: escaped(lastHappening(report.rotations)),
  }
}

const cardId = (credential: CredentialReport): string => `credential-${credential.id.replace(/[^A-Za-z0-9_-]/g, '-')}`

function renderSummary(report: ServiceReport): string {
  const facts = [
    `<strong class="${report.ready ? 'good' : 'bad'}">${report.ready ? 'ready' : 'not ready'}</strong>`,
    report.spiffe_id === null ? '' : `<code>${escaped(report.spiffe_id)}</code>`,
    report.vault_state === null ? '' : `Vault is ${escaped(report.vault_state)}`,
    ...report.static_credentials.map(
      (dependency) => `<strong class="bad">static credentials stand in for ${escaped(dependency)}</strong>`,
    ),
  ]
  const shown = facts.filter((fact) => fact !== '').map((fact) => `<li>${fact}</li>`)
  return `<ul class="facts">${shown.join('')}</ul>`
}

function renderCard(credential: CredentialReport): string {
  const { credential_type: type, name, state, overdue } = credential
  const past = credential.events.filter(({ event }) => event !== 'scheduled').slice(-8)
  return `<h2><span class="type">${escaped(type)}</span> ${escaped(name)}</h2>
<p class="state ${toneOf(credential)}">${escaped(state)}${overdue ? ', overdue' : ''}</p>
${renderLife(credential)}
<dl>
<div><dt>left</dt><dd>${escaped(lifeInWords(credential))}</dd></div>
<div><dt>next attempt</dt><dd>${escaped(nextInWords(credential))}</dd></div>
<div><dt>renewed</dt><dd>${credential.renewals}</dd></div>
<div><dt>replaced</dt><dd>${credential.replacements}</dd></div>
<div><dt>failed</dt><dd>${credential.failures}</dd></div>
</dl>
<details><summary>What happened</summary>
<ol>${past.toReversed().map(renderEvent).join('')}</ol>
</details>`
}

function toneOf(credential: CredentialReport): 'good' | 'warn' | 'bad' {
  if (credential.state === 'expired') return 'bad'
  return credential.overdue || credential.consecutive_failures > 0 || credential.state === 'starting' ? 'warn' : 'good'
}

/** The life as a bar: what has passed, where renewals are tried first (0.60 to 0.80), and the next attempt. */
function renderLife(credential: CredentialReport): string {
  const { ttl_seconds: ttl, remaining_seconds: remaining, next_attempt_in_seconds: next } = credential
  const endless = ttl === 0
  const left = endless ? 100 : ttl === null || remaining === null ? 0 : clampPercent((remaining / ttl) * 100)
  const marker =
    ttl === null || ttl === 0 || remaining === null || next === null
      ? ''
      : `<rect class="next" x="${clampPercent(100 - ((remaining - next) / ttl) * 100)}" y="0" width="0.6" height="10"/>`
  const name = `Life of ${credential.credential_type} ${credential.name}`
  return `<div class="life" role="progressbar" aria-label="${escaped(name)}" aria-valuemin="0" aria-valuemax="100"
 aria-valuenow="${Math.round(left)}" aria-valuetext="${escaped(lifeInWords(credential))}">
<svg viewBox="0 0 100 10" preserveAspectRatio="none" aria-hidden="true" focusable="false">
<rect class="track" x="0" y="0" width="100" height="10"/><rect class="window" x="60" y="0" width="20" height="10"/>
<rect class="left ${toneOf(credential)}" x="${round(100 - left)}" y="2" width="${round(left)}" height="6"/>${marker}
</svg></div>`
}

function renderEvent(event: EventReport): string {
  const share = event.share === null ? '' : `at ${Math.round(event.share * 100)}% of its life`
  const details = [event.cause, event.error_code, share].filter((part) => part).join(', ')
  return `<li><time datetime="${escaped(event.at)}">${escaped(event.at.slice(11, 19))}</time> <strong>${escaped(event.event)}</strong>${
    details ? ` (${escaped(details)})` : ''
  }</li>`
}

function lifeInWords({ ttl_seconds: ttl, remaining_seconds: remaining }: CredentialReport): string {
  if (ttl === 0) return 'never ends'
  return ttl === null || remaining === null ? 'nothing held yet' : `${seconds(remaining)} of ${seconds(ttl)}`
}

const nextInWords = ({ next_attempt_in_seconds: next }: CredentialReport): string =>
  next === null ? 'none planned' : `in ${seconds(next)}`

function lastHappening(credentials: readonly CredentialReport[]): string {
  const told = credentials.flatMap(({ credential_type, name, events }) =>
    events
      .filter(({ event }) => event !== 'scheduled')
      .map(({ at, event }) => ({ at, words: `${credential_type} ${name}: ${event}` })),
  )
  return told.toSorted((one, other) => one.at.localeCompare(other.at)).at(-1)?.words ?? ''
}

/** Short lives to the second, long ones in the unit that a person would choose. */
function seconds(amount: number): string {
  const whole = Math.floor(amount)
  if (whole < 120) return `${whole} s`
  if (whole < 7200) return `${Math.floor(whole / 60)} min ${whole % 60} s`
  return whole < 172_800
    ? `${Math.floor(whole / 3600)} h ${Math.floor((whole % 3600) / 60)} min`
    : `${Math.floor(whole / 86_400)} d ${Math.floor((whole % 86_400) / 3600)} h`
}

const round = (value: number): number => Math.round(value * 100) / 100
const clampPercent = (value: number): number => round(Math.min(100, Math.max(0, value)))
