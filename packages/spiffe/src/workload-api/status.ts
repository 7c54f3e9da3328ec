/**
 * What a gRPC status of the Workload API means.
 * @see SPIFFE_Workload_Endpoint.md, section 6
 * @module
 */
import { status as Status, type StatusObject } from '@grpc/grpc-js'
import { trySocket, type WorkloadEndpoint } from './endpoint.js'
import { WorkloadApiError, type WorkloadApiErrorCode } from './errors.js'

type Meaning = { readonly code: WorkloadApiErrorCode; readonly what: string; readonly cure: string }

const meanings: Partial<Record<Status, Meaning>> = {
  [Status.PERMISSION_DENIED]: {
    code: 'ERR_WORKLOAD_API_NO_IDENTITY',
    what: 'the agent has no identity for this process',
    cure:
      'Create a registration entry whose selectors match this process (its uid, service account, path), under the ' +
      'parent ID of this node; agents learn of it within seconds. When there is one, compare its selectors.',
  },
  [Status.INVALID_ARGUMENT]: {
    code: 'ERR_WORKLOAD_API_INVALID_ARGUMENT',
    what: 'the agent refuses the request',
    cure: 'Check the audience and the SPIFFE ID that were asked for; on a stream it is a defect, please report it.',
  },
  [Status.UNIMPLEMENTED]: {
    code: 'ERR_WORKLOAD_API_UNIMPLEMENTED',
    what: 'the agent does not offer this call',
    cure: 'The profile is switched off at the agent, or this is not a Workload API: check the address.',
  },
  [Status.DEADLINE_EXCEEDED]: {
    code: 'ERR_WORKLOAD_API_DEADLINE',
    what: 'the agent did not answer in time',
    cure: 'Look at the health and the load of the SPIFFE agent on this machine.',
  },
}

const otherwise: Meaning = {
  code: 'ERR_WORKLOAD_API_UNAVAILABLE',
  what: 'the agent cannot answer now',
  cure: 'Look at the log of the SPIFFE agent on this machine: it may be starting, or without its server.',
}

const unreachable: Readonly<Record<string, Meaning>> = {
  ENOENT: {
    code: 'ERR_WORKLOAD_API_SOCKET_MISSING',
    what: 'there is no such socket',
    cure: 'Start the SPIFFE agent, mount its socket folder into this container, or correct the address.',
  },
  EACCES: {
    code: 'ERR_WORKLOAD_API_SOCKET_DENIED',
    what: 'this user may not open the socket',
    cure: 'Give the user of this process read and write permission on the socket, and search on its folders.',
  },
  ECONNREFUSED: {
    code: 'ERR_WORKLOAD_API_SOCKET_REFUSED',
    what: 'nothing listens there',
    cure: 'The SPIFFE agent has ended and left its socket behind: start it again.',
  },
}

/**
 * Reads the end of a call. When nothing was reached, the address is tried once more to find out why.
 * @returns an error that names the address, the cause and the cure
 */
export async function readStatus(status: StatusObject, endpoint: WorkloadEndpoint): Promise<WorkloadApiError> {
  const grpcStatus = Status[status.code] ?? String(status.code)
  const systemCode = status.code === Status.UNAVAILABLE ? await trySocket(endpoint) : undefined
  const meaning = (systemCode && unreachable[systemCode]) || meanings[status.code] || otherwise
  const said = systemCode ?? `${grpcStatus}: ${printable(status.details)}`
  return new WorkloadApiError(meaning.code, `Workload API at ${endpoint.text}: ${meaning.what} (${said})`, {
    cure: meaning.cure,
    grpcStatus,
  })
}

/** No answer within a bound of ours. */
export function deadlineError(endpoint: WorkloadEndpoint, timeoutMs: number): WorkloadApiError {
  const what = `Workload API at ${endpoint.text}: no answer within ${timeoutMs} ms`
  return new WorkloadApiError('ERR_WORKLOAD_API_DEADLINE', what, {
    cure: 'Look at the health and the load of the SPIFFE agent on this machine.',
    grpcStatus: 'DEADLINE_EXCEEDED',
  })
}

/** The agent's own words, shortened, and without anything shaped like a token. */
function printable(details: string): string {
  return details
    .replace(/[\w-]{8,}\.[\w-]{8,}\.[\w-]*/g, '[token]')
    .replace(/[^\x20-\x7e]/g, '?')
    .slice(0, 300)
}
