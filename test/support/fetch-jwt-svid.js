/**
 * Asks the Workload API at SPIFFE_ENDPOINT_SOCKET for a JWT-SVID of the calling process and prints
 * `{"id": …, "token": …}`, or the gRPC status when there is none. By hand and without our client, so that it can
 * tell what a server does.
 *
 *     node fetch-jwt-svid.js AUDIENCE
 */
import { Client, credentials, Metadata } from '@grpc/grpc-js'

/** One length-delimited protobuf field; short texts only. */
const field = (number, bytes) => Buffer.concat([Buffer.from([(number << 3) | 2, bytes.length]), bytes])

/** Reads the length-delimited fields of a message. */
function fields(message) {
  const found = {}
  for (let at = 0; at < message.length; ) {
    const number = message[at++] >> 3
    let length = 0
    for (let shift = 0, byte = 0x80; byte & 0x80; shift += 7) {
      byte = message[at++]
      length |= (byte & 0x7f) << shift
    }
    found[number] = message.subarray(at, at + length)
    at += length
  }
  return found
}

const client = new Client(process.env.SPIFFE_ENDPOINT_SOCKET, credentials.createInsecure())
const metadata = new Metadata()
metadata.set('workload.spiffe.io', 'true')
client.makeUnaryRequest(
  '/SpiffeWorkloadAPI/FetchJWTSVID',
  (audience) => field(1, Buffer.from(audience)),
  fields,
  process.argv[2],
  metadata,
  { deadline: Date.now() + 10_000 },
  (error, response) => {
    const svid = error ? {} : fields(response[1])
    console.log(
      JSON.stringify(error ? { code: error.code, details: error.details } : { id: `${svid[1]}`, token: `${svid[2]}` }),
    )
    client.close()
  },
)
