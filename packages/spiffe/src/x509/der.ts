/**
 * DER values laid end to end, as the Workload API sends certificates (SPIFFE_Workload_API.md, section 5.2).
 * @module
 */

const sequenceTag = 0x30

/**
 * Splits concatenated DER SEQUENCEs by their lengths.
 * @throws {RangeError} at padding, a cut-off value, or a length that is not in its shortest form
 */
export function splitDer(bytes: Uint8Array): Uint8Array[] {
  const values: Uint8Array[] = []
  for (let offset = 0; offset < bytes.length; ) {
    const end = offset + sequenceLength(bytes.subarray(offset))
    values.push(bytes.slice(offset, end))
    offset = end
  }
  return values
}

/** Length in bytes, header included, of the SEQUENCE that `bytes` begin with. */
function sequenceLength(bytes: Uint8Array): number {
  const [tag, first] = bytes
  if (tag !== sequenceTag) throw new RangeError('not a DER SEQUENCE')
  if (first === undefined) throw new RangeError('DER is cut off')
  const lengthBytes = first < 0x80 ? 0 : first & 0x7f
  if (first === 0x80 || lengthBytes > 4) throw new RangeError('DER length is indefinite or too large')
  const length =
    lengthBytes === 0 ? first : bytes.subarray(2, 2 + lengthBytes).reduce((sum, byte) => sum * 256 + byte, 0)
  if (lengthBytes > 0 && length < (lengthBytes === 1 ? 0x80 : 256 ** (lengthBytes - 1))) {
    throw new RangeError('DER length is not in its shortest form')
  }
  const total = 2 + lengthBytes + length
  if (total > bytes.length) throw new RangeError('DER is cut off')
  return total
}
