/**
 * What an interceptor cannot see by itself: grpc-js tells it neither a channel's target nor its security. Options
 * made here note both when the channel is made and pass them along with each call.
 * @module
 */
import { Channel, type ChannelCredentials, type ClientOptions, type InterceptorOptions } from '@grpc/grpc-js'

/** A channel, as far as a bearer token is concerned. */
export interface ChannelFacts {
  readonly target: string
  readonly secure: boolean
  /** Empty: such a channel goes to its target itself, by no proxy of the environment. */
  readonly env: NodeJS.ProcessEnv
}

const factsKey: unique symbol = Symbol('chaveiro.channelFacts')

/** @returns what is known of the channel of this call; `undefined` when its client was made without these options */
export function channelFactsIn(options: InterceptorOptions & { [factsKey]?: ChannelFacts }): ChannelFacts | undefined {
  return options[factsKey]
}

/**
 * Adds to `options` that calls know their channel. Plaintext channels bypass the HTTP proxies of the environment:
 * a proxy is another machine.
 */
export function withChannelFacts(options: ClientOptions): ClientOptions {
  const factsOf = new WeakMap<object, ChannelFacts>()
  const { channelFactoryOverride, callInvocationTransformer } = options
  return {
    ...options,
    channelFactoryOverride(target: string, credentials: ChannelCredentials, channelOptions: ClientOptions) {
      const secure = credentials._isSecure()
      const safe: ClientOptions = secure ? channelOptions : { ...channelOptions, 'grpc.enable_http_proxy': 0 }
      const channel = channelFactoryOverride?.(target, credentials, safe) ?? new Channel(target, credentials, safe)
      factsOf.set(channel, { target, secure, env: {} })
      return channel
    },
    callInvocationTransformer(given) {
      const properties = callInvocationTransformer?.(given) ?? given
      const callOptions = { ...properties.callOptions, [factsKey]: factsOf.get(properties.channel) }
      return { ...properties, callOptions }
    },
  }
}
