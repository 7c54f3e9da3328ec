/**
 * Who waits for the outcome of `renewNow` and `replaceNow`. Requests join the attempt that serves them, so
 * that many askers make one attempt.
 * @module
 */

type Goal = 'fresh' | 'replaced'

interface Request {
  readonly goal: Goal
  stage: 'waiting' | 'attempted' | 'draining'
  resolve(): void
  reject(reason: unknown): void
}

export class Requests {
  #open: Request[] = []

  /** Resolves when the goal is reached, rejects with the failure of the attempt that was to reach it. */
  add(goal: Goal): Promise<void> {
    return new Promise((resolve, reject) => this.#open.push({ goal, stage: 'waiting', resolve, reject }))
  }

  /** An attempt serves those whose goal it can reach. */
  attempted(action: 'renew' | 'replace'): void {
    for (const request of this.#open) {
      if (request.stage === 'waiting' && (action === 'replace' || request.goal === 'fresh')) request.stage = 'attempted'
    }
  }

  renewed(): void {
    this.#settle(
      (request) => request.stage === 'attempted' && request.goal === 'fresh',
      (request) => request.resolve(),
    )
  }

  /** @param draining - whether the previous value is still to be drained */
  adopted(draining: boolean): void {
    this.renewed()
    for (const request of this.#open) if (request.stage === 'attempted') request.stage = 'draining'
    if (!draining) this.drained()
  }

  drained(): void {
    this.#settle(
      (request) => request.stage === 'draining',
      (request) => request.resolve(),
    )
  }

  /** The attempt goes on by other means (a login, a replacement): its askers wait for that. */
  carriedOver(): void {
    for (const request of this.#open) if (request.stage === 'attempted') request.stage = 'waiting'
  }

  failed(reason: unknown): void {
    this.#settle(
      (request) => request.stage === 'attempted',
      (request) => request.reject(reason),
    )
  }

  /** The new value is in use, but its consumer could not finish with the previous one. */
  drainFailed(reason: unknown): void {
    this.#settle(
      (request) => request.stage === 'draining',
      (request) => request.reject(reason),
    )
  }

  /** @param reason - why nothing will be reached any more */
  end(reason: unknown): void {
    this.#settle(
      () => true,
      (request) => request.reject(reason),
    )
  }

  #settle(which: (request: Request) => boolean, settle: (request: Request) => void): void {
    const chosen = this.#open.filter(which)
    if (chosen.length === 0) return
    this.#open = this.#open.filter((request) => !which(request))
    for (const request of chosen) settle(request)
  }
}
