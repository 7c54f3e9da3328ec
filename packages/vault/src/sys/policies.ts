/**
 * ACL policies: what a token may do at which path.
 * @see https://developer.hashicorp.com/vault/api-docs/system/policies
 * @module
 */
import type { CallOptions, VaultApi } from '../request.js'

export class Policies {
  readonly #api: VaultApi

  constructor(api: VaultApi) {
    this.#api = api
  }

  async list(options: CallOptions = {}): Promise<readonly string[]> {
    const { data } = await this.#api.request<{ keys: readonly string[] }>({
      ...options,
      method: 'LIST',
      path: 'sys/policies/acl',
      operation: 'sys',
      idempotent: true,
    })
    return data.keys
  }

  /** The policy's text. @throws {NotFoundError} */
  async read(name: string, options: CallOptions = {}): Promise<string> {
    const request = { ...options, ...this.#at('GET', name), idempotent: true }
    return (await this.#api.request<{ policy: string }>(request)).data.policy
  }

  /** @param rules - HCL. @throws {InvalidRequestError} when Vault cannot read it */
  async write(name: string, rules: string, options: CallOptions = {}): Promise<void> {
    await this.#api.request({ ...options, ...this.#at('POST', name), body: { policy: rules } })
  }

  /** Harmless when there is none of that name. */
  async delete(name: string, options: CallOptions = {}): Promise<void> {
    await this.#api.request({ ...options, ...this.#at('DELETE', name) })
  }

  #at<M extends 'GET' | 'POST' | 'DELETE'>(method: M, name: string) {
    return { method, path: `sys/policies/acl/${name}`, operation: 'sys' } as const
  }
}
