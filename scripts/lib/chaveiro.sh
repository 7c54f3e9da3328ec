# shellcheck shell=bash
# What the operators' scripts share: options, the manifest, and the one command that each of them runs.

root=$(cd "$(dirname "${BASH_SOURCE[0]}")/../.." && pwd)

# The environment and the exit codes, for --help.
common_help() {
  cat <<'HELP'
Options:
  -f FILE     the manifest (default: CHAVEIRO_MANIFEST, else examples/chaveiro.yaml)
  -h, --help  this text

Environment:
  DRY_RUN=true  shows what would be done, changes nothing, exits 0
HELP
}

exit_codes_help() {
  cat <<'HELP'

Exit codes: 0 done; 1 something failed or is in the way; 2 usage or configuration;
3 a server could not be reached; 4 permission denied.
HELP
}

# run_apply GROUPS ARGUMENT...: reads the options of a script, then runs `chaveiro apply` for a part of the manifest.
run_apply() {
  local groups=$1 manifest=${CHAVEIRO_MANIFEST:-$root/examples/chaveiro.yaml}
  shift
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
      *) usage_error "unknown argument: $1" ;;
    esac
  done
  local mode=--yes
  if [ "${DRY_RUN:-false}" = true ]; then mode=--dry-run; fi
  local arguments=(apply --only "$groups" "$mode" -f "$manifest")
  run_chaveiro "${arguments[@]}"
}

# run_chaveiro ARGUMENT...: says what it runs, and becomes it.
run_chaveiro() {
  printf 'running: chaveiro %s\n' "$*" >&2
  if [ ! -e "$root/packages/cli/dist/main.js" ]; then
    printf 'error: the command is not built\n  next: npm ci, in %s\n' "$root" >&2
    exit 2
  fi
  exec node "$root/packages/cli/bin/chaveiro.js" "$@"
}

usage_error() {
  printf 'error: %s (--help for the options)\n' "$1" >&2
  exit 2
}
