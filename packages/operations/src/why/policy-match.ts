/**
 * Which rule of some policies decides about a path, as Vault decides it: the most specific one, alone.
 * @see https://developer.hashicorp.com/vault/docs/concepts/policies#priority-matching
 * @module
 */
import { policySummary } from '../plan/policy-tree.js'

export interface PolicyRule {
  readonly policy: string
  /** Line of the policy's text, counting from 1. */
  readonly line: number
  readonly path: string
  readonly capabilities: readonly string[]
}

/** The rules of one policy. One that cannot be read as HCL has none. */
export function rulesOf(policy: string, text: string): PolicyRule[] {
  const lines = text.split('\n')
  return policySummary(text).map(({ name, after = '' }) => ({
    policy,
    line: lines.findIndex((line) => line.includes(`"${name}"`) || line.includes(`"/${name}"`)) + 1,
    path: name,
    capabilities: /^\[([^\]]*)\]/.exec(after)?.[1]?.split(', ').filter(Boolean) ?? [],
  }))
}

/** @returns the rules that decide: several where policies name the same path, whose capabilities add up */
export function decidingRules(rules: readonly PolicyRule[], path: string): PolicyRule[] {
  const matching = rules.filter((rule) => matches(rule.path, path))
  const [best] = matching.map((rule) => rule.path).sort((left, right) => comparePatterns(right, left))
  return matching.filter((rule) => rule.path === best)
}

/** `deny` beside others denies. */
export function grantedBy(rules: readonly PolicyRule[]): string[] {
  const capabilities = new Set(rules.flatMap((rule) => rule.capabilities))
  return capabilities.has('deny') ? [] : [...capabilities].sort()
}

/** `*` at the end stands for anything, `+` for one segment. */
function matches(pattern: string, path: string): boolean {
  const open = pattern.endsWith('*')
  const segments = (open ? pattern.slice(0, -1) : pattern).split('+').map(literally)
  return new RegExp(`^${segments.join('[^/]+')}${open ? '' : '$'}`).test(path)
}

const literally = (text: string): string => text.replace(/[.*+?^${}()|[\]\\]/g, '\\$&')

/** Above 0 when the left pattern is the more specific one. */
function comparePatterns(left: string, right: string): number {
  return (
    firstWildcard(left) - firstWildcard(right) ||
    Number(!left.endsWith('*')) - Number(!right.endsWith('*')) ||
    pluses(right) - pluses(left) ||
    left.length - right.length ||
    (left < right ? -1 : 1)
  )
}

/** A pattern without a wildcard is an exact path, above all others. */
function firstWildcard(pattern: string): number {
  const at = pattern.search(/\+|\*$/)
  return at < 0 ? Number.MAX_SAFE_INTEGER : at
}

const pluses = (pattern: string): number => pattern.split('+').length - 1
