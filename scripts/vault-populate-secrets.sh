#!/usr/bin/env bash
# Creates the secrets of the manifest that are not in Vault yet.
set -euo pipefail
# shellcheck source=scripts/lib/chaveiro.sh
source "$(dirname "${BASH_SOURCE[0]}")/lib/chaveiro.sh"

usage() {
  cat <<'HELP'
Usage: vault-populate-secrets.sh [-f FILE]

Creates the secrets that the manifest declares, each value from where the manifest says: the environment,
a file, or generated. A value that is there is never overwritten, and none is ever shown.

HELP
  common_help
  cat <<'HELP'
  VAULT_ADDR, VAULT_TOKEN  where Vault is, and the right to write
  and the variables from which the manifest takes values
HELP
  exit_codes_help
}

run_apply secrets "$@"
