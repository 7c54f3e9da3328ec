/**
 * Why a plan cannot be made or carried out.
 * @module
 */

/** Stable: a code keeps its meaning; new ones may be added in a minor version. */
export type PlanErrorCode =
  /** Something that the manifest leaves open is not given: an environment variable, a file, a parent. */
  | 'ERR_PLAN_INPUT_MISSING'
  /** The token lacks a capability; the message names it. */
  | 'ERR_PLAN_PERMISSION_DENIED'
  /** An object is there that was not made by us. */
  | 'ERR_PLAN_CLASH'
  /** An object was changed by somebody between the plan and its turn. */
  | 'ERR_PLAN_MOVED'

/** Tell failures apart by {@link PlanError.code}. */
export class PlanError extends Error {
  override readonly name = 'PlanError'
  readonly code: PlanErrorCode
  /** The next step for whoever reads this at 3 a.m. Like `message`, it never holds a secret. */
  readonly cure: string

  constructor(code: PlanErrorCode, message: string, options: { cure: string; cause?: unknown }) {
    super(message, { cause: options.cause })
    this.code = code
    this.cure = options.cure
  }
}
