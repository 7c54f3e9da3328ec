/**
 * The real servers that the tests and `chaveiro dev --real` run, each pinned by a Go module in a folder of its
 * own beside this file (`go.mod`, `go.sum` with checksums, `tools.go`). One more server is one more row.
 * @module
 */

/**
 * @typedef {object} ServerModule
 * @property {string} name folder beside this file, and the name people give on the command line
 * @property {string} title
 * @property {string} versionOf Go module whose required version is the server's version
 * @property {Record<string, string>} programs program name to Go package
 * @property {boolean} needsC whether it must be built with a C compiler
 * @property {string} coldBuild how long a first build takes
 */

/** @type {readonly ServerModule[]} */
export const serverModules = [
  {
    name: 'spire',
    title: 'SPIRE',
    versionOf: 'github.com/spiffe/spire',
    programs: {
      'spire-server': 'github.com/spiffe/spire/cmd/spire-server',
      'spire-agent': 'github.com/spiffe/spire/cmd/spire-agent',
      'oidc-discovery-provider': 'github.com/spiffe/spire/support/oidc-discovery-provider',
    },
    // Its SQLite datastore is C; without it the server starts and then refuses every configuration.
    needsC: true,
    coldBuild: '7 CPU-minutes',
  },
  {
    name: 'vault',
    title: 'HashiCorp Vault',
    versionOf: 'github.com/hashicorp/vault',
    programs: { vault: 'github.com/hashicorp/vault' },
    needsC: false,
    coldBuild: '12 CPU-minutes',
  },
]
