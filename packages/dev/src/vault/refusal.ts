/**
 * Answers that are errors, in Vault's own words, since clients read them.
 * @module
 */
import type { Reply } from './reply.js'

/** An answer that is an error: `errors` are Vault's own texts, since clients read them. */
export class Refusal extends Error {
  constructor(
    readonly status: number,
    readonly errors: readonly string[],
    readonly reply?: Reply,
  ) {
    super(errors.join('; '))
  }
}

/** What a backend answers to bad input. */
export const badRequest = (text: string): Refusal => new Refusal(400, [text])
/** Nothing there. */
export const notFound = (): Refusal => new Refusal(404, [])
/** Vault lists an error that a backend returned rather than answered. */
export const listed = (status: number, ...texts: string[]): Refusal => {
  const heading = `${texts.length} error${texts.length === 1 ? '' : 's'} occurred:`
  return new Refusal(status, [`${heading}\n${texts.map((text) => `\t* ${text}\n`).join('')}\n`])
}
export const denied = (): Refusal => listed(403, 'permission denied')
export const unsupportedPath = (): Refusal => listed(404, 'unsupported path')
export const unsupportedOperation = (): Refusal => listed(405, 'unsupported operation')
