/**
 * Builds the errors that refuse an SVID, each code with its cure.
 * @module
 */
import { SvidError, type SvidErrorCode } from '../errors.js'

const cures: Record<SvidErrorCode, string> = {
  ERR_SVID_MISSING: 'Let the peer fetch an SVID from its Workload API and present it.',
  ERR_SVID_MALFORMED: 'Fetch the SVID again; if it stays so, its issuer or a proxy on the way alters it.',
  ERR_SVID_BAD_ID: 'Correct the SPIFFE ID of the registration entry; `chaveiro id parse` names the rule.',
  ERR_SVID_IS_AUTHORITY: "Present a workload's SVID; a signing certificate never authenticates.",
  ERR_SVID_KEY_USAGE: 'Have the SVID issued with the key usages that X509-SVID.md, section 4, asks for.',
  ERR_SVID_KEY_MISMATCH: 'Use the private key that was issued together with this certificate.',
  ERR_SVID_ALGORITHM: 'Have the SVID signed with RS/ES/PS256 or stronger, RSA keys of 2048 bits or more.',
  ERR_SVID_EXPIRED: 'Look at why its holder did not renew it: agent reachable, clock right?',
  ERR_SVID_NOT_YET_VALID: 'Compare the clocks of the issuer and of this machine.',
  ERR_SVID_UNKNOWN_TRUST_DOMAIN: 'Federate with that trust domain, or refuse its workloads on purpose.',
  ERR_SVID_UNKNOWN_AUTHORITY: 'Compare the bundle in use here with the one that its trust domain publishes now.',
  ERR_SVID_BAD_CHAIN: 'Inspect the signing certificates above the SVID with `chaveiro svid inspect`.',
  ERR_SVID_BAD_SIGNATURE: 'Treat it as forged; if its trust domain just changed keys, refresh the bundle.',
  ERR_SVID_BAD_HEADER: 'Present a JWT-SVID as its issuer made it; other kinds of tokens are refused.',
  ERR_SVID_BAD_CLAIM: 'Have the token issued with the claims that JWT-SVID.md, section 3, asks for.',
  ERR_SVID_AUDIENCE: 'Let the caller fetch a JWT-SVID for the audience that this service expects.',
  ERR_SVID_NO_EXPECTED_AUDIENCE: 'Name at least one audience that this service answers to.',
  ERR_SVID_NOT_AUTHORIZED: 'Allow this SPIFFE ID in the policy, if it should be.',
}

/** @param rule - id of the broken rule, for instance `X509-4.3-c` */
export function refusal(code: SvidErrorCode, rule: string, what: string, cause?: unknown): SvidError {
  return new SvidError(code, `${what} (${rule})`, { rule, cure: cures[code], cause })
}
