#!/usr/bin/env bash
# Gives each workload of the manifest its policy, its role and its database role in Vault.
set -euo pipefail
# shellcheck source=scripts/lib/chaveiro.sh
source "$(dirname "${BASH_SOURCE[0]}")/lib/chaveiro.sh"

usage() {
  cat <<'HELP'
Usage: vault-configure-policies.sh [-f FILE]

Writes into Vault what the manifest says: a policy and a role for each workload, the JWT auth method
that checks SPIFFE identities, the database connections and roles. What is there already and was not
made by chaveiro is never touched; nothing is deleted. Running it again changes nothing.

HELP
  common_help
  cat <<'HELP'
  VAULT_ADDR, VAULT_TOKEN  where Vault is, and the right to write
  CHAVEIRO_JWKS_URL        where Vault finds SPIRE's JWT keys, unless the manifest says it
  and the variables from which the manifest takes the databases' user names and passwords
HELP
  exit_codes_help
}

run_apply policies,database "$@"
