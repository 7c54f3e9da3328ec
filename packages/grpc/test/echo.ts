/** A gRPC service with one method of each kind, written by hand, with its server and its client. */
import {
  type CallOptions,
  type ChannelCredentials,
  Client,
  type ClientOptions,
  credentials as grpcCredentials,
  Metadata,
  Server,
  ServerCredentials,
  type ServerDuplexStream,
  type ServerInterceptor,
  type ServerReadableStream,
  type ServerUnaryCall,
  type ServerWritableStream,
  type ServiceDefinition,
  type sendUnaryData,
} from '@grpc/grpc-js'

const same = (value: Buffer): Buffer => value

function method(path: string, requestStream: boolean, responseStream: boolean): ServiceDefinition[string] {
  return {
    path,
    requestStream,
    responseStream,
    requestSerialize: same,
    requestDeserialize: same,
    responseSerialize: same,
    responseDeserialize: same,
  }
}

export const echoService: ServiceDefinition = {
  unary: method('/test.Echo/Unary', false, false),
  clientStream: method('/test.Echo/ClientStream', true, false),
  serverStream: method('/test.Echo/ServerStream', false, true),
  bidi: method('/test.Echo/Bidi', true, true),
}
export const kinds = ['unary', 'clientStream', 'serverStream', 'bidi'] as const
export type Kind = (typeof kinds)[number]

export type AnyCall =
  | ServerUnaryCall<Buffer, Buffer>
  | ServerReadableStream<Buffer, Buffer>
  | ServerWritableStream<Buffer, Buffer>
  | ServerDuplexStream<Buffer, Buffer>

export interface EchoServer extends AsyncDisposable {
  /** `127.0.0.1:port`, or `unix:…`. */
  readonly target: string
  /** How often a handler ran. */
  handled: number
}

export interface EchoOptions {
  address?: string
  credentials?: ServerCredentials
  interceptors?: ServerInterceptor[]
  /** Reads request messages; by default they are left as they are. */
  deserialize?: (bytes: Buffer) => Buffer
  /** Sees every call that reaches a handler. */
  onCall?: (call: AnyCall) => void
}

export async function startEcho(options: EchoOptions = {}): Promise<EchoServer> {
  const server = new Server({ interceptors: options.interceptors ?? [] })
  const echo = { target: '', handled: 0, [Symbol.asyncDispose]: async () => server.forceShutdown() }
  const arrived = (call: AnyCall): void => {
    echo.handled += 1
    options.onCall?.(call)
  }
  const { deserialize = same } = options
  const service = Object.entries(echoService).map(([name, one]) => [name, { ...one, requestDeserialize: deserialize }])
  server.addService(Object.fromEntries(service), {
    unary(call: ServerUnaryCall<Buffer, Buffer>, done: sendUnaryData<Buffer>) {
      arrived(call)
      done(null, call.request)
    },
    clientStream(call: ServerReadableStream<Buffer, Buffer>, done: sendUnaryData<Buffer>) {
      arrived(call)
      const parts: Buffer[] = []
      call.on('data', (part: Buffer) => parts.push(part))
      call.on('end', () => done(null, Buffer.concat(parts)))
    },
    serverStream(call: ServerWritableStream<Buffer, Buffer>) {
      arrived(call)
      for (const byte of call.request) call.write(Buffer.from([byte]))
      call.end()
    },
    bidi(call: ServerDuplexStream<Buffer, Buffer>) {
      arrived(call)
      call.on('data', (part: Buffer) => call.write(part))
      call.on('end', () => call.end())
    },
  })
  const address = options.address ?? '127.0.0.1:0'
  const port = await new Promise<number>((resolve, reject) => {
    server.bindAsync(address, options.credentials ?? ServerCredentials.createInsecure(), (error, bound) => {
      if (error) reject(error)
      else resolve(bound)
    })
  })
  echo.target = address.startsWith('unix:') ? address : `127.0.0.1:${port}`
  return echo
}

export class EchoClient implements AsyncDisposable {
  readonly client: Client

  constructor(
    target: string,
    options: ClientOptions = {},
    credentials: ChannelCredentials = grpcCredentials.createInsecure(),
  ) {
    this.client = new Client(target, credentials, options)
  }

  /** Sends "abc", a byte at a time where the request is a stream; resolves with all that came back. */
  call(kind: Kind, metadata: Metadata = new Metadata(), options: CallOptions = {}): Promise<string> {
    const { path } = echoService[kind] as { path: string }
    return new Promise((resolve, reject) => {
      const done = (error: Error | null, value?: Buffer): void => (error ? reject(error) : resolve(String(value)))
      const collect = (stream: NodeJS.ReadableStream): void => {
        let text = ''
        stream.on('data', (part: Buffer) => {
          text += part.toString()
        })
        stream.on('error', reject)
        stream.on('end', () => resolve(text))
      }
      const send = (stream: { write(part: Buffer): boolean; end(): void }): void => {
        for (const letter of 'abc') stream.write(Buffer.from(letter))
        stream.end()
      }
      if (kind === 'unary') this.client.makeUnaryRequest(path, same, same, Buffer.from('abc'), metadata, options, done)
      else if (kind === 'clientStream')
        send(this.client.makeClientStreamRequest(path, same, same, metadata, options, done))
      else if (kind === 'serverStream') {
        collect(this.client.makeServerStreamRequest(path, same, same, Buffer.from('abc'), metadata, options))
      } else {
        const stream = this.client.makeBidiStreamRequest(path, same, same, metadata, options)
        collect(stream)
        send(stream)
      }
    })
  }

  async [Symbol.asyncDispose](): Promise<void> {
    this.client.close()
  }
}

/** Metadata that bears these authorization values. */
export function authorization(...values: string[]): Metadata {
  const metadata = new Metadata()
  for (const value of values) metadata.add('authorization', value)
  return metadata
}
