/**
 * A gRPC service of one method that answers with what it was sent.
 */
import {
  type ChannelCredentials,
  Client,
  type ClientOptions,
  Metadata,
  Server,
  type ServerCredentials,
  type ServerInterceptor,
  type ServiceError,
} from '@grpc/grpc-js'

const method = {
  path: '/test.Echo/Say',
  requestStream: false,
  responseStream: false,
  requestSerialize: (text: string) => Buffer.from(text),
  requestDeserialize: (bytes: Buffer) => bytes.toString(),
  responseSerialize: (text: string) => Buffer.from(text),
  responseDeserialize: (bytes: Buffer) => bytes.toString(),
} as const

/** `/package.Service/Method`, as a policy names it. */
export const echoMethod = method.path

/** @returns where it listens, and what ends it */
export async function startEcho(
  credentials: ServerCredentials,
  interceptor: ServerInterceptor,
): Promise<{ address: string; close(): void }> {
  const server = new Server({ interceptors: [interceptor] })
  server.addService(
    { Say: method },
    {
      Say: ({ request }: { request: string }, answer: (error: null, text: string) => void) => answer(null, request),
    },
  )
  const port = await new Promise<number>((resolve, reject) => {
    server.bindAsync('127.0.0.1:0', credentials, (error, bound) => (error ? reject(error) : resolve(bound)))
  })
  return { address: `127.0.0.1:${port}`, close: () => server.forceShutdown() }
}

/** @throws a gRPC `ServiceError` */
export async function sayEcho(
  address: string,
  credentials: ChannelCredentials,
  options: ClientOptions,
): Promise<string> {
  const client = new Client(address, credentials, options)
  try {
    return await new Promise<string>((resolve, reject) => {
      client.makeUnaryRequest(
        method.path,
        method.requestSerialize,
        method.responseDeserialize,
        'hello',
        new Metadata(),
        { deadline: new Date(Date.now() + 10_000) },
        (error: ServiceError | null, answer?: string) => (error ? reject(error) : resolve(answer ?? '')),
      )
    })
  } finally {
    client.close()
  }
}
