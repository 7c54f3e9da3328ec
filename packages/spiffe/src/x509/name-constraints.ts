/**
 * Name constraints (RFC 5280, section 4.2.1.10). URI and DNS names are compared; a constraint on any other kind
 * of name fails as soon as the certificate bears such a name: it is never ignored.
 * @module
 */
import type { GeneralName, GeneralSubtree, NameConstraints } from '@peculiar/asn1-x509'
import type { Certificate } from './certificate.js'

type Kind = keyof GeneralName

/** How the kinds that we compare are matched against the base of a subtree. */
const matchers: Partial<Record<Kind, (name: string, base: string) => boolean>> = {
  uniformResourceIdentifier: (uri, base) => hostFits(hostOf(uri), base),
  dNSName: (name, base) => domainFits(name.toLowerCase(), base.toLowerCase()),
}

/** What is wrong with the names of `certificate` under `constraints`; `undefined` when nothing is. */
export function nameConstraintBroken(constraints: NameConstraints, certificate: Certificate): string | undefined {
  const permitted = [...(constraints.permittedSubtrees ?? [])]
  const excluded = [...(constraints.excludedSubtrees ?? [])]
  for (const kind of new Set([...permitted, ...excluded].map(({ base }) => kindOf(base)))) {
    const broken = kindBroken(kind, permitted, excluded, certificate)
    if (broken) return broken
  }
  return undefined
}

function kindBroken(
  kind: Kind | undefined,
  permitted: readonly GeneralSubtree[],
  excluded: readonly GeneralSubtree[],
  certificate: Certificate,
): string | undefined {
  const matches = kind && matchers[kind]
  if (!kind || !matches) return bears(certificate, kind) ? `a name constraint on ${kind} cannot be enforced` : undefined
  const ofKind = (subtrees: readonly GeneralSubtree[]) => subtrees.filter(({ base }) => kindOf(base) === kind)
  if ([...permitted, ...excluded].some(({ minimum, maximum }) => minimum !== 0 || maximum !== undefined)) {
    return 'a name constraint with a minimum or maximum cannot be enforced'
  }
  const fits = (name: GeneralName, { base }: GeneralSubtree) => matches(String(name[kind]), String(base[kind]))
  for (const name of certificate.names.filter((candidate) => kindOf(candidate) === kind)) {
    const allowed = ofKind(permitted)
    if (allowed.length > 0 && !allowed.some((subtree) => fits(name, subtree))) {
      return `a name of the kind ${kind} is outside the permitted name constraints`
    }
    if (ofKind(excluded).some((subtree) => fits(name, subtree))) {
      return `a name of the kind ${kind} is excluded by the name constraints`
    }
  }
  return undefined
}

/** Unknown kinds are assumed to be borne, so that they fail. */
function bears(certificate: Certificate, kind: Kind | undefined): boolean {
  if (kind === undefined) return true
  if (kind === 'directoryName' && !certificate.subjectIsEmpty) return true
  return certificate.names.some((name) => kindOf(name) === kind)
}

function kindOf(name: GeneralName): Kind | undefined {
  return (Object.keys(name) as Kind[]).find((kind) => name[kind] !== undefined)
}

/** `spiffe://example.org/a` has the host `example.org`; `undefined` when there is none to compare. */
function hostOf(uri: string): string | undefined {
  return /^[a-z][a-z0-9+.-]*:\/\/(?:[^/?#@]*@)?([^/?#:@[\]]+)(?::\d*)?(?:[/?#]|$)/i.exec(uri)?.[1]?.toLowerCase()
}

/** A URI constraint with a leading dot admits subdomains only, one without that very host only. */
function hostFits(host: string | undefined, base: string): boolean {
  const wanted = base.toLowerCase()
  if (host === undefined) return false
  return wanted.startsWith('.') ? host.endsWith(wanted) && host.length > wanted.length : host === wanted
}

/** A DNS constraint admits the domain itself and all below it; an empty one admits every name. */
function domainFits(name: string, base: string): boolean {
  const domain = base.startsWith('.') ? base.slice(1) : base
  return domain === '' || name === domain || name.endsWith(`.${domain}`)
}
