/**
 * One builder at a time per server. The lock saves work; that two builders cannot harm each other is ensured by
 * the rename at the end of a build. So a lock whose owner has died may be taken over without ceremony.
 * @module
 */
import { mkdirSync, readFileSync, renameSync, rmSync, writeFileSync } from 'node:fs'
import { dirname } from 'node:path'
import { setTimeout as sleep } from 'node:timers/promises'

/**
 * Waits for the lock and holds it until the returned function is called.
 * @param {string} file
 * @param {AbortSignal} signal ends the waiting
 * @param {(pid: number) => void} onWait called about once a second while another live process holds it
 * @returns {Promise<() => void>}
 */
export async function lock(file, signal, onWait) {
  mkdirSync(dirname(file), { recursive: true })
  const claim = JSON.stringify(identity(process.pid))
  for (;;) {
    try {
      writeFileSync(file, claim, { flag: 'wx' })
      return () => rmSync(file, { force: true })
    } catch (error) {
      if (error.code !== 'EEXIST') throw error
    }
    const owner = readOwner(file)
    if (owner && isAlive(owner)) {
      onWait(owner.pid)
      await sleep(1000, undefined, { signal })
    } else {
      takeAway(file)
    }
  }
}

/** Whether the process still runs; a pid that went to another process does not count. */
export function isAlive({ pid, started }) {
  try {
    process.kill(pid, 0)
  } catch (error) {
    return error.code === 'EPERM'
  }
  return started === undefined || identity(pid).started === started
}

/** A pid and, where the system tells it, when that process started. */
function identity(pid) {
  try {
    // After the name in parentheses, which may hold anything: field 22 of proc(5), counted from field 3.
    const stat = readFileSync(`/proc/${pid}/stat`, 'utf8')
    return { pid, started: stat.slice(stat.lastIndexOf(')') + 2).split(' ')[19] }
  } catch {
    return { pid, started: undefined }
  }
}

function readOwner(file) {
  try {
    return JSON.parse(readFileSync(file, 'utf8'))
  } catch {
    return undefined
  }
}

function takeAway(file) {
  const aside = `${file}.${process.pid}`
  try {
    renameSync(file, aside)
  } catch (error) {
    if (error.code !== 'ENOENT') throw error
  }
  rmSync(aside, { force: true })
}
