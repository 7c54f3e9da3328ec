/**
 * All checks, in the order in which they depend on each other.
 * @module
 */
import type { Check, CheckGroup } from './check.js'
import { authChecks } from './checks/auth.js'
import { databaseChecks } from './checks/database.js'
import { loginChecks } from './checks/login.js'
import { secretChecks } from './checks/secrets.js'
import { serviceChecks } from './checks/services.js'
import { spireChecks } from './checks/spire.js'
import { vaultChecks } from './checks/vault.js'

/** Every check that there is; each code is a heading of the operations guide. */
export const checkCatalogue: readonly Check[] = [
  ...vaultChecks,
  ...authChecks,
  ...databaseChecks,
  ...secretChecks,
  ...spireChecks,
  ...loginChecks,
  ...serviceChecks,
]

/**
 * The checks of some groups, and those that they depend on.
 * @param groups - none: all
 */
export function selectChecks(
  groups: readonly CheckGroup[],
  catalogue: readonly Check[] = checkCatalogue,
): readonly Check[] {
  if (groups.length === 0) return catalogue
  const wanted = new Set<string>()
  const want = (code: string): void => {
    const check = catalogue.find((each) => each.code === code)
    if (!check || wanted.has(code)) return
    wanted.add(code)
    check.needs.forEach(want)
  }
  for (const { code, group } of catalogue) if (groups.includes(group)) want(code)
  return catalogue.filter(({ code }) => wanted.has(code))
}
