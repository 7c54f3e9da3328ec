/**
 * The last net under the log: texts that look like secrets are taken out of whatever is about to be written.
 * No event has a field for a secret; this catches what a stranger's text brings along.
 * @module
 */

const mark = '[redacted]'

const secretShapes: readonly RegExp[] = [
  // Vault and OpenBao: service, batch and recovery tokens, and the old short form.
  /\b(?:hv[sbr]|[sbr])\.[A-Za-z0-9_-]{20,}/g,
  // A compact JWT or JWE.
  /\beyJ[A-Za-z0-9_-]{5,}\.[A-Za-z0-9_-]*(?:\.[A-Za-z0-9_-]*){1,3}/g,
  /-----BEGIN [A-Z ]*PRIVATE KEY-----[\s\S]*?(?:-----END [A-Z ]*PRIVATE KEY-----|$)/g,
  // The password in a URL, a bearer token, a token's header.
  /(?<=[a-z][a-z0-9+.-]*:\/\/[^\s:/@]*:)[^\s/@]+(?=@)/gi,
  /(?<=\bbearer\s+)[A-Za-z0-9._~+/-]+=*/gi,
  /(?<=\bx-vault-token["']?\s*[=:]\s*["']?)[^\s"',;&]+/gi,
  // What is assigned to a telling word: `password=…`, `"token": "…"`. Not `token: …`, which is prose.
  /(?<=\b(?:password|passwd|pwd|secret|token)\s*=\s*["']?)[^\s"',;&]+/gi,
  /(?<=\b(?:password|passwd|pwd|secret|token)["']?\s*:\s*["'])[^"']+/gi,
]

/** @returns the text without what looks like a secret */
export function scrub(text: string): string {
  return secretShapes.reduce((scrubbed, shape) => scrubbed.replace(shape, mark), text)
}
