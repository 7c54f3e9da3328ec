/**
 * Where key shares come from: a person who types them unseen, or an open file descriptor. Never the command line,
 * which every user of the machine can read.
 * @module
 */
import { createReadStream } from 'node:fs'
import { createInterface } from 'node:readline'
import type { Readable } from 'node:stream'
import type { ShareRequest } from '@chaveiro/operations'
import { Secret } from '@chaveiro/rotation'
import { askHidden, canAsk } from '../ask.js'
import { UsageError } from '../exit-code.js'
import type { Terminal } from '../terminal.js'

export interface KeyShares {
  next(request: ShareRequest): Promise<Secret | undefined>
  close(): void
}

/**
 * @param descriptor - with one share on each line; undefined: a person is asked
 * @throws {UsageError} when nobody sits there to be asked
 */
export function openKeyShares(terminal: Terminal, descriptor: number | undefined): KeyShares {
  if (descriptor !== undefined) return new SharesOfStream(descriptor === 0 ? terminal.stdin : streamOf(descriptor))
  if (!canAsk(terminal)) {
    throw new UsageError('nobody can be asked for key shares here', 'Give them on a file descriptor: --shares-fd 0')
  }
  return {
    next: ({ number, needed }) => askHidden(terminal, `Key share ${number} of ${needed}`),
    close: () => {},
  }
}

const streamOf = (descriptor: number): Readable => createReadStream('', { fd: descriptor, autoClose: false })

class SharesOfStream implements KeyShares {
  readonly #lines: AsyncIterator<string>
  readonly #reader: ReturnType<typeof createInterface>
  #failure: Error | undefined

  constructor(input: Readable) {
    input.once('error', (error) => {
      this.#failure = error
      this.#reader.close()
    })
    this.#reader = createInterface({ input, crlfDelay: Number.POSITIVE_INFINITY })
    this.#lines = this.#reader[Symbol.asyncIterator]()
  }

  async next(): Promise<Secret | undefined> {
    for (;;) {
      const { value, done } = await this.#lines.next()
      if (this.#failure) {
        const cure = 'Open it for reading: chaveiro emergency unseal --shares-fd 3 3< FILE'
        throw new UsageError('the file descriptor of the key shares cannot be read', cure, { cause: this.#failure })
      }
      if (done) return undefined
      if (value.trim() !== '') return new Secret(value.trim())
    }
  }

  close(): void {
    this.#reader.close()
  }
}
