export { policyMark, policyName, policyText } from './derive/policy.js'
export { ManifestError, type ManifestProblem } from './manifest/errors.js'
export { readManifest } from './manifest/read.js'
export type { DatabaseConnection, DatabaseRole, Manifest, ValueOrigin, Workload } from './manifest/schema.js'
