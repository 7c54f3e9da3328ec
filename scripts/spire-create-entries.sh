#!/usr/bin/env bash
# Registers the workloads of the manifest with SPIRE.
set -euo pipefail
# shellcheck source=scripts/lib/chaveiro.sh
source "$(dirname "${BASH_SOURCE[0]}")/lib/chaveiro.sh"

usage() {
  cat <<'HELP'
Usage: spire-create-entries.sh [-f FILE]

Registers each workload of the manifest with SPIRE: its SPIFFE ID and the selectors that tell it from
others. Entries that chaveiro did not make are never touched; nothing is deleted. Where SPIRE's
controller manager runs, which deletes entries made by hand, its manifests are printed instead.

HELP
  common_help
  cat <<'HELP'
  SPIRE_SERVER_SOCKET       socket of SPIRE server's API (default: /tmp/spire-server/private/api.sock)
  SPIRE_SERVER_POD          instead: NAMESPACE/POD, entered through kubectl exec
  SPIRE_SERVER_ADDRESS      instead: HOST:PORT, entered with an admin's SVID (SPIFFE_ENDPOINT_SOCKET)
  CHAVEIRO_SPIRE_PARENT     node under which workloads are registered, unless the manifest says it
  CHAVEIRO_SPIRE_SELECTORS  other selectors than the manifest's: NAME=TYPE:VALUE,...;NAME=...
HELP
  exit_codes_help
}

run_apply entries "$@"
