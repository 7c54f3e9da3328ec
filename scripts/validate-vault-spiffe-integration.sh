#!/usr/bin/env bash
# Looks whether Vault, SPIRE and the services are as the manifest says, and work.
set -euo pipefail
# shellcheck source=scripts/lib/chaveiro.sh
source "$(dirname "${BASH_SOURCE[0]}")/lib/chaveiro.sh"

usage() {
  cat <<'HELP'
Usage: validate-vault-spiffe-integration.sh [-f FILE] [OPTION...]

Looks whether Vault, SPIRE and the services are as the manifest says, and work: a login of each workload,
a database user made and revoked. A cure stands beside each state that does not hold. Any option of
`chaveiro validate` may follow: --only, --wait, --strict, --output, --service.

Options:
  -f FILE     the manifest (default: CHAVEIRO_MANIFEST, else examples/chaveiro.yaml)
  -h, --help  this text

Environment:
  DRY_RUN=true             changes nothing, not even for the moment of a trial: names the command, exits 0
  VAULT_ADDR, VAULT_TOKEN  where Vault is, and the right to read
  SPIRE_SERVER_SOCKET      socket of SPIRE server's API (default: /tmp/spire-server/private/api.sock)
  CHAVEIRO_SERVICES        services that run: NAME=http://127.0.0.1:9464,...

Exit codes: 0 all holds; 1 a check failed; 2 usage or configuration; 3 a server could not be reached;
4 permission denied.
HELP
}

manifest=${CHAVEIRO_MANIFEST:-$root/examples/chaveiro.yaml}
options=()
while [ $# -gt 0 ]; do
  case $1 in
    -h | --help)
      usage
      exit 0
      ;;
    -f)
      [ $# -ge 2 ] || usage_error '-f needs a file'
      manifest=$2
      shift 2
      ;;
    *)
      options+=("$1")
      shift
      ;;
  esac
done
if [ "${DRY_RUN:-false}" = true ]; then
  printf 'would run: chaveiro validate -f %s %s\n' "$manifest" "${options[*]}"
  exit 0
fi
run_chaveiro validate -f "$manifest" "${options[@]}"
