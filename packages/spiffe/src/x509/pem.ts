/**
 * PEM (RFC 7468), strict about what counts: labels, base64, and nothing half-read.
 * @module
 */

/** One `-----BEGIN …-----` block. */
interface PemBlock {
  readonly label: string
  readonly der: Uint8Array
}

const block = /-----BEGIN ([^\n-]*)-----([^-]*)-----END ([^\n-]*)-----/g
const base64 = /^(?:[A-Za-z0-9+/]{4})*(?:[A-Za-z0-9+/]{2}==|[A-Za-z0-9+/]{3}=)?$/

/**
 * All blocks of a text, in order. Text between the blocks is commentary; blocks may follow each other without
 * a line break, as some writers leave it out.
 * @throws {RangeError} when a block is cut off, mislabelled, or not base64
 */
export function readPem(text: string): PemBlock[] {
  const blocks = [...text.matchAll(block)].map(([, begin = '', body = '', end]) => {
    if (begin !== end) throw new RangeError(`a PEM block begins as "${begin}" and ends otherwise`)
    const content = body.replace(/\s+/g, '')
    if (content === '' || !base64.test(content)) throw new RangeError(`the PEM block "${begin}" is not base64`)
    return { label: begin, der: Uint8Array.from(Buffer.from(content, 'base64')) }
  })
  if (text.split('-----BEGIN').length - 1 !== blocks.length) throw new RangeError('a PEM block is cut off')
  return blocks
}

/**
 * The DER of a text's certificates.
 * @throws {RangeError} when a block is something else, above all a private key
 */
export function readCertificatesPem(text: string): Uint8Array[] {
  return readPem(text).map(({ label, der }) => {
    if (label !== 'CERTIFICATE') throw new RangeError(`a PEM block "${label}" among certificates`)
    return der
  })
}

/** One block, ending in a line break so that blocks can be joined. */
export function writePem(label: string, der: Uint8Array): string {
  const lines =
    Buffer.from(der)
      .toString('base64')
      .match(/.{1,64}/g) ?? []
  return `-----BEGIN ${label}-----\n${lines.join('\n')}\n-----END ${label}-----\n`
}
