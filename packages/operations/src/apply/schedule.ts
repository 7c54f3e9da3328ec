/**
 * Tasks that wait for each other, a few at a time: what fails keeps back only what needs it.
 * @module
 */

export interface Task {
  readonly id: string
  /** Tasks that must have succeeded; those that are not among the tasks count as done. */
  readonly needs: readonly string[]
  readonly run: () => Promise<void>
}

export type TaskOutcome =
  | { readonly state: 'done' }
  | { readonly state: 'failed'; readonly error: unknown }
  /** `blockedBy`: a task that it needs and that has failed or was not started; absent: stopped before its turn. */
  | { readonly state: 'not started'; readonly blockedBy?: string }

export interface ScheduleOptions {
  /** Tasks under way at once. */
  readonly limit: number
  /** Stops between tasks: what is under way is finished. */
  readonly signal?: AbortSignal | undefined
}

/** @returns an outcome for each task; never rejects */
export async function runInOrder(
  tasks: readonly Task[],
  { limit, signal }: ScheduleOptions,
): Promise<Map<string, TaskOutcome>> {
  const outcomes = new Map<string, TaskOutcome>()
  const waiting = new Map(tasks.map((task) => [task.id, task]))
  const running = new Map<string, Promise<void>>()
  const ids = new Set(waiting.keys())
  const unmet = (task: Task): string[] =>
    task.needs.filter((need) => ids.has(need) && outcomes.get(need)?.state !== 'done')
  while (waiting.size > 0 || running.size > 0) {
    keepBack(waiting, outcomes)
    if (!signal?.aborted) {
      for (const task of waiting.values()) {
        if (running.size >= limit) break
        if (unmet(task).length > 0) continue
        waiting.delete(task.id)
        running.set(
          task.id,
          start(task, outcomes).finally(() => running.delete(task.id)),
        )
      }
    }
    if (running.size === 0) break
    await Promise.race(running.values())
  }
  for (const id of waiting.keys()) outcomes.set(id, { state: 'not started' })
  return outcomes
}

async function start(task: Task, outcomes: Map<string, TaskOutcome>): Promise<void> {
  try {
    await task.run()
    outcomes.set(task.id, { state: 'done' })
  } catch (error) {
    outcomes.set(task.id, { state: 'failed', error })
  }
}

/** A task whose need has failed will never run, nor will those that need it in turn. */
function keepBack(waiting: Map<string, Task>, outcomes: Map<string, TaskOutcome>): void {
  for (let found = true; found; ) {
    found = false
    for (const { id, needs } of waiting.values()) {
      const blockedBy = needs.find((need) => {
        const state = outcomes.get(need)?.state
        return state === 'failed' || state === 'not started'
      })
      if (blockedBy === undefined) continue
      waiting.delete(id)
      outcomes.set(id, { state: 'not started', blockedBy })
      found = true
    }
  }
}
