/** What a refusal says, for assertions: its kind, code and rule. */
import { BundleError, SpiffeIdError, SvidError } from '@chaveiro/spiffe'
import { expect } from 'vitest'

type Refusal = SpiffeIdError | BundleError | SvidError

/** Runs what must be refused. Anything thrown that is not one of the typed errors fails the test. */
export function refused(run: () => unknown): Refusal {
  let value: unknown
  try {
    value = run()
  } catch (error) {
    return typed(error)
  }
  return expect.fail(`was accepted: ${String(value)}`)
}

/** The same for what fails later. */
export async function refusedLater(promise: Promise<unknown>): Promise<Refusal> {
  let value: unknown
  try {
    value = await promise
  } catch (error) {
    return typed(error)
  }
  return expect.fail(`was accepted: ${String(value)}`)
}

/** True for the errors that a caller is promised. */
export function isTyped(error: unknown): error is Refusal {
  return error instanceof SpiffeIdError || error instanceof BundleError || error instanceof SvidError
}

function typed(error: unknown): Refusal {
  if (!isTyped(error)) throw error
  expect(error.rule).toMatch(/^(ID|X509|JWT|WLA|BND)-/)
  expect(error.cure).not.toBe('')
  return error
}
