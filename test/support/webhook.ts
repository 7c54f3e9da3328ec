/**
 * What Alertmanager calls in a test, in place of somebody's telephone.
 * @module
 */
import { once } from 'node:events'
import { createServer, type IncomingMessage, type Server } from 'node:http'
import type { AddressInfo } from 'node:net'
import { json } from 'node:stream/consumers'
import { vi } from 'vitest'

export interface NotifiedAlert {
  readonly status: 'firing' | 'resolved'
  readonly labels: Readonly<Record<string, string>>
  readonly annotations: Readonly<Record<string, string>>
}

export interface Wanted {
  readonly status: NotifiedAlert['status']
  readonly alertname: string
  readonly job: string
}

export class Webhook {
  readonly #server: Server
  readonly #told: NotifiedAlert[] = []

  static async start(): Promise<Webhook> {
    const webhook = new Webhook()
    webhook.#server.listen(0, '127.0.0.1')
    await once(webhook.#server, 'listening')
    return webhook
  }

  private constructor() {
    this.#server = createServer((request, response) => {
      void this.#take(request).then(() => response.end())
    })
  }

  get url(): string {
    return `http://127.0.0.1:${(this.#server.address() as AddressInfo).port}/`
  }

  /** The first notification of this kind, past or to come. */
  next({ status, alertname, job }: Wanted, timeoutMs: number): Promise<NotifiedAlert> {
    const find = (): NotifiedAlert | undefined =>
      this.#told.find(
        (alert) => alert.status === status && alert.labels.alertname === alertname && alert.labels.job === job,
      )
    return vi.waitFor(
      () => {
        const alert = find()
        if (alert) return alert
        const seen = this.#told.map((each) => `${each.labels.alertname} ${each.labels.job} ${each.status}`)
        throw new Error(`no notification of ${alertname} ${job} ${status}; there were: ${seen.join(', ') || 'none'}`)
      },
      { timeout: timeoutMs, interval: 100 },
    )
  }

  async close(): Promise<void> {
    this.#server.close()
    this.#server.closeAllConnections()
    await once(this.#server, 'close')
  }

  async #take(request: IncomingMessage): Promise<void> {
    const { alerts } = (await json(request)) as { alerts: NotifiedAlert[] }
    this.#told.push(...alerts)
  }
}
