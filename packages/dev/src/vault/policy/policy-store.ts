/**
 * The policies by name. `root` and `default` always exist.
 * @module
 */
import { badRequest } from '../refusal.js'
import { Acl } from './acl.js'
import { type PolicyRule, parsePolicy } from './hcl.js'

/** What every token may do unless its policies leave `default` out. */
const defaultPolicy = `# what a token may do with itself, and with a lease that it knows
path "auth/token/lookup-self"  { capabilities = ["read"] }
path "auth/token/renew-self"   { capabilities = ["update"] }
path "auth/token/revoke-self"  { capabilities = ["update"] }
path "sys/capabilities-self"   { capabilities = ["update"] }
path "sys/leases/lookup"       { capabilities = ["update"] }
path "sys/leases/renew"        { capabilities = ["update"] }
`

interface StoredPolicy {
  readonly text: string
  readonly rules: readonly PolicyRule[]
}

export class PolicyStore {
  readonly #policies = new Map<string, StoredPolicy>()

  constructor() {
    this.write('default', defaultPolicy)
  }

  get names(): string[] {
    return [...this.#policies.keys(), 'root']
  }

  has(name: string): boolean {
    return name === 'root' || this.#policies.has(name)
  }

  read(name: string): string | undefined {
    return name === 'root' ? '' : this.#policies.get(name)?.text
  }

  /** @throws {Refusal} 400 */
  write(name: string, text: string): void {
    if (name === 'root') throw badRequest('cannot update "root" policy')
    this.#policies.set(name, { text, rules: parsePolicy(text) })
  }

  /** @throws {Refusal} 400 */
  delete(name: string): void {
    if (name === 'root') throw badRequest('cannot delete "root" policy')
    if (name === 'default') throw badRequest('cannot delete default policy')
    this.#policies.delete(name)
  }

  /** Of policies that exist; a name without a policy grants nothing. */
  acl(names: readonly string[]): Acl {
    return new Acl(names.map((name) => (name === 'root' ? 'root' : (this.#policies.get(name)?.rules ?? []))))
  }
}
