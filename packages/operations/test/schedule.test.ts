import { describe, expect, it } from 'vitest'
import { runInOrder, type Task } from '../src/apply/schedule.js'

/** Tasks that note when they run; `bad` ones fail. */
function tasks(needs: Record<string, string[]>, bad: string[] = []): { tasks: Task[]; ran: string[] } {
  const ran: string[] = []
  const all = Object.entries(needs).map(([id, needed]) => ({
    id,
    needs: needed,
    run: async () => {
      await Promise.resolve()
      ran.push(id)
      if (bad.includes(id)) throw new Error(id)
    },
  }))
  return { tasks: all, ran }
}

describe('runInOrder', () => {
  it('runs what is needed first, whatever the order of the list', async () => {
    const { tasks: all, ran } = tasks({
      role: ['policy', 'config'],
      policy: [],
      config: ['mount'],
      mount: ['elsewhere'],
    })
    const outcomes = await runInOrder(all, { limit: 4 })
    expect([...outcomes.values()].every(({ state }) => state === 'done')).toBe(true)
    expect(ran.at(-1)).toBe('role')
    expect(ran.indexOf('mount')).toBeLessThan(ran.indexOf('config'))
  })

  it('keeps back what needs a failed one, and lets the others go on', async () => {
    const { tasks: all, ran } = tasks({ a: [], b: ['a'], c: ['b'], d: [] }, ['a'])
    const outcomes = await runInOrder(all, { limit: 1 })
    expect(ran).toEqual(['a', 'd'])
    expect(outcomes.get('a')).toMatchObject({ state: 'failed' })
    expect(outcomes.get('b')).toEqual({ state: 'not started', blockedBy: 'a' })
    expect(outcomes.get('c')).toEqual({ state: 'not started', blockedBy: 'b' })
    expect(outcomes.get('d')).toEqual({ state: 'done' })
  })

  it('never has more under way than it may', async () => {
    let [under, most] = [0, 0]
    const all = Array.from({ length: 20 }, (_, index) => ({
      id: String(index),
      needs: [],
      run: async () => {
        most = Math.max(most, ++under)
        await Promise.resolve()
        under -= 1
      },
    }))
    await runInOrder(all, { limit: 3 })
    expect(most).toBe(3)
  })

  it('stops between tasks when it is told to, and finishes what is under way', async () => {
    const stop = new AbortController()
    const ran: string[] = []
    const all = ['a', 'b', 'c'].map((id) => ({
      id,
      needs: [],
      run: async () => {
        stop.abort()
        await Promise.resolve()
        ran.push(id)
      },
    }))
    const outcomes = await runInOrder(all, { limit: 1, signal: stop.signal })
    expect(ran).toEqual(['a'])
    expect(outcomes.get('b')).toEqual({ state: 'not started' })
  })

  it('ends when tasks need each other in a circle', async () => {
    const outcomes = await runInOrder(tasks({ a: ['b'], b: ['a'] }).tasks, { limit: 2 })
    expect([...outcomes.values()].map(({ state }) => state)).toEqual(['not started', 'not started'])
  })
})
