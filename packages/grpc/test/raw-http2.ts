/** A gRPC call written frame by frame, for headers that no client library would send. */
import { connect } from 'node:net'

function frame(type: number, flags: number, stream: number, body: Buffer = Buffer.alloc(0)): Buffer {
  const head = Buffer.alloc(9)
  head.writeUIntBE(body.length, 0, 3)
  head.writeUInt8(type, 3)
  head.writeUInt8(flags, 4)
  head.writeUInt32BE(stream, 5)
  return Buffer.concat([head, body])
}

/** HPACK: an integer behind a 7-bit prefix, then the text without Huffman coding. */
function text(value: string): Buffer {
  const bytes = Buffer.from(value)
  const length: number[] = []
  if (bytes.length < 127) length.push(bytes.length)
  else {
    length.push(127)
    let left = bytes.length - 127
    for (; left >= 128; left = Math.floor(left / 128)) length.push((left % 128) + 128)
    length.push(left)
  }
  return Buffer.concat([Buffer.from(length), bytes])
}

/** Sends one unary call with an empty message. @returns all that the server sent until it ended the stream */
export function rawCall(port: number, path: string, headers: readonly [string, string][]): Promise<Buffer> {
  const all: [string, string][] = [
    [':method', 'POST'],
    [':scheme', 'http'],
    [':path', path],
    [':authority', 'localhost'],
    ['content-type', 'application/grpc'],
    ['te', 'trailers'],
    ...headers,
  ]
  // Literal header fields that are never indexed.
  const block = Buffer.concat(all.flatMap(([name, value]) => [Buffer.from([0x10]), text(name), text(value)]))
  const received: Buffer[] = []
  return new Promise((resolve, reject) => {
    const socket = connect(port, '127.0.0.1')
    socket.write(
      Buffer.concat([
        Buffer.from('PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n'),
        frame(4, 0, 0),
        frame(1, 4, 1, block),
        frame(0, 1, 1, Buffer.alloc(5)),
      ]),
    )
    socket.on('data', (data) => {
      received.push(data)
      // A HEADERS frame (1) on stream 1 with END_STREAM, or RST_STREAM (3).
      const all = Buffer.concat(received)
      for (let at = 0; at + 9 <= all.length; at += 9 + all.readUIntBE(at, 3)) {
        const [type, flags] = [all[at + 3], all[at + 4] ?? 0]
        if (type === 3 || (type === 1 && (flags & 1) === 1)) socket.destroy()
      }
    })
    socket.on('error', reject)
    socket.on('close', () => resolve(Buffer.concat(received)))
  })
}
