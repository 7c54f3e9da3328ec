export { type RotationEvent, type RotationEventKind, rotationChannels } from './channels.js'
export { type Clock, sleep, systemClock, type Timer } from './clock.js'
export { RotationError, type RotationErrorCode } from './errors.js'
export { FlightRecorder, type FlightRecorderOptions } from './flight-recorder.js'
export type { RenewalPolicy } from './policy.js'
export type { CloseOptions, Rotation, RotationSnapshot } from './rotation.js'
export { type RotateOptions, Rotator, type RotatorOptions } from './rotator.js'
export { Secret } from './secret.js'
export type {
  Attempt,
  Consumer,
  Failure,
  FailureKind,
  Grant,
  Handover,
  RenewAttempt,
  Renewal,
  Source,
} from './source.js'
export type { RotationCause } from './state.js'
