/** Where a command leaves its exit code when it ends without an error. */
export interface Outcome {
  code: number
}
