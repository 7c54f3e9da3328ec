/**
 * Which exit code an error ends a process with.
 * @module
 */

/** 2: usage or configuration; 3: a server could not be reached; 4: permission denied; 1: anything else. */
export type ExitCode = 1 | 2 | 3 | 4

const meanings: readonly (readonly [RegExp, ExitCode])[] = [
  [/^ERR_(CONFIGURATION|MANIFEST)_/, 2],
  [/^ERR_(USAGE|WORKLOAD_API_BAD_ENDPOINT|INTEGRATION_NOT_CONFIGURED|INTEGRATION_STATIC_SECRET_MISSING)$/, 2],
  [/^ERR_INTEGRATION_ADMIN_/, 2],
  // The development stack: a program that is not installed is mended by installing it.
  [/^ERR_DEV_SERVER_MISSING$/, 2],
  [/^ERR_DEV_SERVER_START$/, 3],
  [/^ERR_PLAN_INPUT_MISSING$/, 2],
  [/^ERR_(PLAN|SPIRE_SERVER)_PERMISSION_DENIED$/, 4],
  [/^ERR_SPIRE_SERVER_SOCKET_DENIED$/, 4],
  [/^ERR_SPIRE_SERVER_(UNREACHABLE|TIMEOUT)$/, 3],
  [/^ERR_VAULT_(PERMISSION_DENIED|TOKEN_INVALID|LOGIN_FAILED)$/, 4],
  [/^ERR_WORKLOAD_API_(SOCKET_DENIED|NO_IDENTITY)$/, 4],
  // PostgreSQL: class 28 is invalid authorization, 42501 insufficient privilege.
  [/^(28[0-9A-Z]{3}|42501|EACCES|EPERM)$/, 4],
  [/^ERR_VAULT_(SEALED|UNREACHABLE|TIMEOUT|BACKEND_UNAVAILABLE|UNINITIALIZED|STANDBY|RATE_LIMITED)$/, 3],
  [/^ERR_WORKLOAD_API_(SOCKET_MISSING|SOCKET_REFUSED|UNAVAILABLE|DEADLINE)$/, 3],
  // PostgreSQL: class 08 is a connection exception, 57P0x the server is starting, stopping or crashed.
  [/^(08[0-9A-Z]{3}|57P0[1-3]|53300)$/, 3],
  [/^(ECONNREFUSED|ECONNRESET|ENOTFOUND|EAI_AGAIN|ETIMEDOUT|EHOSTUNREACH|ENETUNREACH|EPIPE)$/, 3],
  [/^UND_ERR_(CONNECT_TIMEOUT|SOCKET|HEADERS_TIMEOUT|BODY_TIMEOUT)$/, 3],
]

/** A chain of causes longer than this is no longer read; it may be circular. */
const deepestCause = 16

/** @returns the code for the outermost error of the chain of causes whose meaning is known; 1 when none is */
export function exitCodeFor(error: unknown): ExitCode {
  let current = error
  for (let depth = 0; current instanceof Error && depth < deepestCause; depth += 1) {
    const code: unknown = 'code' in current ? current.code : undefined
    const known = typeof code === 'string' ? meanings.find(([pattern]) => pattern.test(code)) : undefined
    if (known !== undefined) return known[1]
    current = current.cause
  }
  return 1
}
