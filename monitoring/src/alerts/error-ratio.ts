/**
 * Ratios of errors, with a floor: where something happens twice an hour, one failure is half of everything and
 * means nothing.
 * @module
 */

/** What fails is tried again within five minutes; so when this has no failure, it is over. */
export const stillRange = '10m'

/**
 * An outage of a minute makes several failures at once, and they stay in {@link stillRange} for its length. What
 * holds for longer than that is more than one outage of a minute.
 */
export const longerThanBlip = '12m'

export interface ErrorRatio {
  /** What failed, as an instant vector: `increase(…)`. */
  readonly errors: string
  /** What happened at all, over the same range. */
  readonly all: string
  /** Labels that both sides are summed by. */
  readonly by: string
  /** The ratio that is too much, 0 to 1. */
  readonly above: number
}

/** Errors divided by everything, above a bound. */
export function errorRatio({ errors, all, by, above }: ErrorRatio): string {
  return `sum by (${by}) (${errors}) / sum by (${by}) (${all}) > ${above}`
}

/** Holds while at least so many errors were seen. `increase` interpolates, so three errors can be 2.9. */
export function atLeast(count: number, errors: string, by: string): string {
  return `sum by (${by}) (${errors}) > ${count - 0.5}`
}

/** All must hold for the same service; the value is that of the first. */
export function allOf(first: string, ...others: readonly string[]): string {
  return [first, ...others.map((other) => `and ${other}`)].join('\n')
}
