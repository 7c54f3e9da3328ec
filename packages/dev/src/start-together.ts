/**
 * Starting several servers at once, all or none.
 * @module
 */

/**
 * Runs all starters side by side. When one fails, those that came up are closed before its error is thrown.
 * @throws the first error, by the order of the starters
 */
export async function startTogether<T extends { readonly [K in keyof T]: AsyncDisposable }>(
  starters: { [K in keyof T]: () => Promise<T[K]> },
): Promise<T> {
  const names = Object.keys(starters) as (keyof T)[]
  const outcomes = await Promise.allSettled(names.map((name) => starters[name]()))
  const failure = outcomes.find((outcome) => outcome.status === 'rejected')
  if (!failure) {
    return Object.fromEntries(
      outcomes.map((outcome, index) => [names[index], (outcome as PromiseFulfilledResult<T[keyof T]>).value]),
    ) as T
  }
  for (const outcome of outcomes) {
    if (outcome.status === 'fulfilled') await outcome.value[Symbol.asyncDispose]()
  }
  throw failure.reason
}
