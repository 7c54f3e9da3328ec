export { type ApplyOptions, type ApplyProgress, type ApplyReport, applyPlan } from './apply/apply-plan.js'
export { type ResolveValue, valuesFrom } from './apply/values.js'
export { clusterSpiffeIds, type NotEmitted } from './derive/cluster-spiffe-ids.js'
export { ownerOf } from './derive/owner.js'
export { policyMark, policyName, policyText } from './derive/policy.js'
export { expandVariables, type Variables } from './derive/variables.js'
export { ManifestError, type ManifestProblem } from './manifest/errors.js'
export { manifestJsonSchema } from './manifest/json-schema.js'
export { type LocatedManifest, locateManifest, readManifest } from './manifest/read.js'
export type { DatabaseConnection, DatabaseRole, Manifest, Workload } from './manifest/schema.js'
export type { ValueOrigin } from './manifest/value-origin.js'
export type { Plan } from './plan/compute-plan.js'
export { type ObjectKind, type PlanGroup, planGroups } from './plan/desired-object.js'
export { PlanError, type PlanErrorCode } from './plan/errors.js'
export type { FieldChange } from './plan/field-change.js'
export { makePlan, type PlanOptions, type PreparedPlan } from './plan/make-plan.js'
export type { PlanAction, PlannedChange, PlanSymbol } from './plan/planned-change.js'
export type { SpireEntry } from './spire/entry.js'
export { SpireServerError, type SpireServerErrorCode } from './spire/errors.js'
export {
  type AttestedNode,
  type ServerBundle,
  SpireServerClient,
  type SpireServerOptions,
} from './spire/server-client.js'
export { type ConfigureOptions, configureVault } from './vault/configure.js'
