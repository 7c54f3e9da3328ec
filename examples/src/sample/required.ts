/**
 * An environment variable that a sample service cannot do without.
 * @throws {Error} naming it, when it is not set
 */
export function required(name: string): string {
  const value = process.env[name]
  if (value) return value
  throw new Error(`${name} is not set; the sample platform sets it: run npm start`)
}
