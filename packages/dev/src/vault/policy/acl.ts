/**
 * What the policies of a token allow at a path.
 * @see https://developer.hashicorp.com/vault/docs/concepts/policies#policy-syntax (priority of matches)
 * @module
 */
import type { Operation } from '../exchange.js'
import type { Capability, PolicyRule } from './hcl.js'

const needed: Readonly<Record<Operation, Capability>> = {
  create: 'create',
  read: 'read',
  update: 'update',
  delete: 'delete',
  list: 'list',
  patch: 'patch',
}

export class Acl {
  readonly #rules = new Map<string, Set<Capability>>()
  readonly #root: boolean

  /** @param policies - the rules of each policy; `root` stands for all rights */
  constructor(policies: readonly (readonly PolicyRule[] | 'root')[]) {
    this.#root = policies.includes('root')
    for (const rules of policies) {
      if (rules === 'root') continue
      for (const { path, capabilities } of rules) {
        const known = this.#rules.get(path) ?? new Set()
        for (const capability of capabilities) known.add(capability)
        this.#rules.set(path, known)
      }
    }
  }

  allows(path: string, operation: Operation, sudo: boolean): boolean {
    if (this.#root) return true
    const granted = this.#granted(path)
    if (granted === undefined || granted.has('deny')) return false
    return granted.has(needed[operation]) && (!sudo || granted.has('sudo'))
  }

  /** As `sys/capabilities-self` answers. */
  capabilities(path: string): string[] {
    if (this.#root) return ['root']
    const granted = this.#granted(path.replace(/^\//, ''))
    return granted === undefined || granted.size === 0 || granted.has('deny') ? ['deny'] : [...granted].sort()
  }

  /** The one rule that counts: an exact one, else the most specific pattern. */
  #granted(path: string): ReadonlySet<Capability> | undefined {
    const exact = this.#rules.get(path) ?? this.#rules.get(path.replace(/\/$/, ''))
    if (exact) return exact
    const matching = [...this.#rules.keys()].filter((pattern) => isPattern(pattern) && matches(pattern, path))
    const best = matching.reduce<string | undefined>(
      (left, right) => (left === undefined || isLess(left, right) ? right : left),
      undefined,
    )
    return best === undefined ? undefined : this.#rules.get(best)
  }
}

const isPattern = (path: string): boolean => path.endsWith('*') || path.split('/').includes('+')

function matches(pattern: string, path: string): boolean {
  const open = pattern.endsWith('*')
  const segments = (open ? pattern.slice(0, -1) : pattern).split('/')
  const escaped = segments.map((segment) =>
    segment === '+' ? '[^/]+' : segment.replace(/[.*+?^${}()|[\]\\]/g, '\\$&'),
  )
  return new RegExp(`^${escaped.join('/')}${open ? '.*' : ''}$`).test(path)
}

/** Whether the first pattern has the lower priority. */
function isLess(first: string, second: string): boolean {
  const wildcardAt = (pattern: string): number => {
    const at = pattern.search(/\*$|(?<=^|\/)\+(?=\/|$)/)
    return at < 0 ? pattern.length : at
  }
  const pluses = (pattern: string): number => pattern.split('/').filter((segment) => segment === '+').length
  if (wildcardAt(first) !== wildcardAt(second)) return wildcardAt(first) < wildcardAt(second)
  if (first.endsWith('*') !== second.endsWith('*')) return first.endsWith('*')
  if (pluses(first) !== pluses(second)) return pluses(first) > pluses(second)
  if (first.length !== second.length) return first.length < second.length
  return first < second
}
