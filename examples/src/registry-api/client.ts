/**
 * Calls to service-registry, as promises.
 * @module
 */
import type { DescMethod, MessageInitShape, MessageShape } from '@bufbuild/protobuf'
import { methodDefinition } from '@chaveiro/spiffe/grpc-definition'
import { type ChannelCredentials, Client, type ClientOptions, Metadata } from '@grpc/grpc-js'
import { type ListResponse, type RegisterResponse, Registry } from './registry_pb.js'

const deadlineMs = 5000

export class RegistryClient {
  readonly #client: Client

  constructor(address: string, credentials: ChannelCredentials, options: ClientOptions) {
    this.#client = new Client(address, credentials, options)
  }

  /** Announces this service at an address. @throws a gRPC `ServiceError` */
  register(address: string): Promise<RegisterResponse> {
    return this.#call(Registry.method.register, { address })
  }

  /** Who is announced. @throws a gRPC `ServiceError` */
  list(metadata?: Metadata): Promise<ListResponse> {
    return this.#call(Registry.method.list, {}, metadata)
  }

  close(): void {
    this.#client.close()
  }

  #call<M extends DescMethod>(
    method: M,
    request: MessageInitShape<M['input']>,
    metadata = new Metadata(),
  ): Promise<MessageShape<M['output']>> {
    const { path, requestSerialize, responseDeserialize } = methodDefinition(method)
    const options = { deadline: Date.now() + deadlineMs }
    return new Promise((resolve, reject) => {
      this.#client.makeUnaryRequest(
        path,
        requestSerialize,
        responseDeserialize,
        request,
        metadata,
        options,
        (error, answer) => {
          if (error || !answer) reject(error)
          else resolve(answer)
        },
      )
    })
  }
}
