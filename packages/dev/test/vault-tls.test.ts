/**
 * The Vault client over TLS: whom it believes, and what it shows.
 * @module
 */
import 'reflect-metadata'
import { KeyObject, webcrypto } from 'node:crypto'
import { once } from 'node:events'
import { createServer, type Server } from 'node:https'
import type { AddressInfo } from 'node:net'
import type { TLSSocket } from 'node:tls'
import { Secret } from '@chaveiro/rotation'
import { VaultClient } from '@chaveiro/vault'
import {
  BasicConstraintsExtension,
  SubjectAlternativeNameExtension,
  type X509Certificate,
  X509CertificateGenerator,
} from '@peculiar/x509'
import { afterAll, beforeAll, expect, it } from 'vitest'

interface Issued {
  readonly certificate: X509Certificate
  readonly pem: string
  readonly keys: webcrypto.CryptoKeyPair
  readonly keyPem: string
}

const algorithm = { name: 'ECDSA', namedCurve: 'P-256', hash: 'SHA-256' }

async function issue(name: string, issuer?: Issued): Promise<Issued> {
  const keys = await webcrypto.subtle.generateKey(algorithm, true, ['sign', 'verify'])
  const extensions = issuer
    ? [new SubjectAlternativeNameExtension([{ type: 'ip', value: '127.0.0.1' }])]
    : [new BasicConstraintsExtension(true, undefined, true)]
  const common = { serialNumber: '01', signingAlgorithm: algorithm, extensions }
  const certificate = issuer
    ? await X509CertificateGenerator.create({
        ...common,
        subject: `CN=${name}`,
        issuer: issuer.certificate.subject,
        publicKey: keys.publicKey,
        signingKey: issuer.keys.privateKey,
      })
    : await X509CertificateGenerator.createSelfSigned({ ...common, name: `CN=${name}`, keys })
  const keyPem = KeyObject.from(keys.privateKey).export({ type: 'pkcs8', format: 'pem' }).toString()
  return { certificate, pem: `${certificate.toString('pem')}\n`, keys, keyPem }
}

let ca: Issued
let strangers: Issued
let service: Issued
let server: Server
let address: string

beforeAll(async () => {
  ca = await issue('CA')
  strangers = await issue('Strangers')
  service = await issue('service', ca)
  const own = await issue('vault', ca)
  const tls = { cert: own.pem, key: own.keyPem, ca: ca.pem, requestCert: true, rejectUnauthorized: false }
  server = createServer(tls, (request, response) => {
    const socket = request.socket as TLSSocket
    const shown = socket.authorized ? socket.getPeerCertificate().subject.CN : null
    response.end(JSON.stringify({ request_id: 'r', data: { shown } }))
  }).listen(0, '127.0.0.1')
  await once(server, 'listening')
  address = `https://127.0.0.1:${(server.address() as AddressInfo).port}`
})

afterAll(() => {
  server?.close()
  server?.closeAllConnections()
})

const ask = (client: VaultClient) =>
  client.request<{ shown: string | null }>({ method: 'GET', path: 'a', operation: 'x' }).then(({ data }) => data.shown)

it('believes the CA that it was given, and shows no certificate unasked', async () => {
  await using client = new VaultClient({ address, ca: ca.pem })
  expect(await ask(client)).toBeNull()
})

it('shows its certificate when it has one', async () => {
  const clientCertificate = { chain: service.pem, privateKey: new Secret(service.keyPem) }
  await using client = new VaultClient({ address, ca: ca.pem, clientCertificate })
  expect(await ask(client)).toBe('service')
})

it.each([
  { name: "the system's CAs", ca: () => undefined },
  { name: 'another CA', ca: () => strangers.pem },
])('does not believe $name, and sends nothing', async ({ ca: given }) => {
  const pem = given()
  await using client = new VaultClient({ address, ...(pem !== undefined && { ca: pem }) })
  await expect(ask(client)).rejects.toMatchObject({
    code: 'ERR_VAULT_UNREACHABLE',
    outcomeUnknown: false,
    message: expect.stringContaining('no TLS connection'),
  })
})
