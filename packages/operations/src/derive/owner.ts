/**
 * Whose an object is: the manifest's name, which every mark bears, so that two manifests on one Vault do not take
 * each other's objects for their own.
 * @module
 */
import type { Manifest } from '../manifest/schema.js'

/** The manifest's name, or its trust domain's. */
export const ownerOf = ({ name, trustDomain }: Manifest): string => name ?? trustDomain.name
