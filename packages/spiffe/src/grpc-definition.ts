/**
 * Definitions for `@grpc/grpc-js` out of protobuf-es descriptors, so that neither a second code generator nor
 * code built at run time is needed (`--disallow-code-generation-from-strings` stays possible).
 * @module
 */
import {
  create,
  type DescMessage,
  type DescMethod,
  type DescService,
  fromBinary,
  type MessageInitShape,
  type MessageShape,
  toBinary,
} from '@bufbuild/protobuf'
import type {
  handleBidiStreamingCall,
  handleClientStreamingCall,
  handleServerStreamingCall,
  handleUnaryCall,
  MethodDefinition,
  ServiceDefinition,
} from '@grpc/grpc-js'

type Request<M extends DescMethod> = MessageShape<M['input']>
type Response<M extends DescMethod> = MessageInitShape<M['output']>

/** What a server implements for one method; answers may be given as plain objects. */
type MethodHandler<M extends DescMethod> = M['methodKind'] extends 'unary'
  ? handleUnaryCall<Request<M>, Response<M>>
  : M['methodKind'] extends 'server_streaming'
    ? handleServerStreamingCall<Request<M>, Response<M>>
    : M['methodKind'] extends 'client_streaming'
      ? handleClientStreamingCall<Request<M>, Response<M>>
      : handleBidiStreamingCall<Request<M>, Response<M>>

/** Handlers by method name as in the generated code (`fetchX509SVID`); a method left out answers Unimplemented. */
export type ServiceHandlers<S extends DescService> = {
  [K in keyof S['method']]?: S['method'][K] extends DescMethod ? MethodHandler<S['method'][K]> : never
}

/** How a client calls one method; requests may be given as plain objects. */
export function methodDefinition<M extends DescMethod>(
  method: M,
): MethodDefinition<MessageInitShape<M['input']>, MessageShape<M['output']>> {
  return {
    path: `/${method.parent.typeName}/${method.name}`,
    requestStream: method.methodKind === 'client_streaming' || method.methodKind === 'bidi_streaming',
    responseStream: method.methodKind === 'server_streaming' || method.methodKind === 'bidi_streaming',
    requestSerialize: (message) => serialize<M['input']>(method.input, message),
    requestDeserialize: (bytes) => fromBinary<M['input']>(method.input, bytes),
    responseSerialize: (message) => serialize<M['output']>(method.output, message),
    responseDeserialize: (bytes) => fromBinary<M['output']>(method.output, bytes),
    originalName: method.localName,
  }
}

/** For `server.addService(serviceDefinition(Service), handlers)`, the handlers as {@link ServiceHandlers} has them. */
export function serviceDefinition(service: DescService): ServiceDefinition {
  return Object.fromEntries(service.methods.map((method) => [method.name, methodDefinition(method)]))
}

function serialize<D extends DescMessage>(schema: D, message: MessageInitShape<D>): Buffer {
  const bytes = toBinary(schema, create(schema, message))
  return Buffer.from(bytes.buffer, bytes.byteOffset, bytes.byteLength)
}
