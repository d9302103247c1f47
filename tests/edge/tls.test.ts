import { type ConnectionOptions, type PeerCertificate, type TLSSocket, connect } from "node:tls"
import { afterAll, beforeAll, describe, expect, it } from "vitest"
import { rawClient, rawExchange, statuses } from "../support/raw-client.ts"
import { type Recorder, recorder } from "../support/recorder.ts"
import { type TestEdge, testEdge } from "../support/edge.ts"
import { X509Certificate } from "node:crypto"
import { find } from "../../src/events/world.ts"
import { once } from "node:events"
import { selfSigned } from "../../src/edge/default-certificate.ts"

let upstream: Recorder
let edge: TestEdge
const keys = new Map<string, string>()
/** Keys that the vault gives out only later. */
const gates = new Map<string, Promise<void>>()
const crashes: string[] = []

beforeAll(async () => {
  upstream = await recorder()
  edge = await testEdge(
    { SELF_SIGNED_CN: "default.test", BASE_DOMAIN: "gate.test", ADMIN_HOSTS: "admin.test" },
    {
      crash: (name) => crashes.push(name),
      async openKey(ref) {
        await gates.get(ref)
        const key = keys.get(ref)
        if (key === undefined) throw new Error("the vault is away")
        return key
      },
    },
  )
  edge.projections.append("api-token", "admin", "TokenCreated", {
    name: "ADMIN",
    hash: `sha256:${"0".repeat(64)}`,
    preview: "x",
    cert_email: null,
    secret_ref: null,
    is_admin: true,
  })
  for (const name of ["a.test", "bare.test", "plain.test", "two.test"])
    edge.proxy(name, upstream.port, { enable_https: name !== "plain.test" })
})
afterAll(async () => {
  await edge.close(0)
  await upstream.close()
})

/** Asks for a certificate, or for its renewal, and makes one; `publish` puts it into the log. */
async function issue(
  name: string,
  domain: string,
  options: { owner?: string; days?: number; key?: string; domains?: string[] } = {},
) {
  const made = await selfSigned(domain, options.days ?? 30, new Date())
  const ref = `cert-key-${keys.size + 1}`
  keys.set(ref, options.key ?? made.key)
  if (find(edge.projections.world, "certificate", name)?.domains.join() === (options.domains ?? [domain]).join())
    edge.projections.append("certificate", name, "CertificateRenewalRequested", { reason: "manual" })
  else
    edge.projections.append("certificate", name, "CertificateRequested", {
      cert_name: name,
      domains: options.domains ?? [domain],
      email: null,
      issuer: "internal",
      acme_directory_url: null,
      environment: "internal",
      key_type: "ecdsa-p256",
      owner: options.owner ?? "alice",
    })
  return { ...made, ref, publish: () => publish(name, made.certificate, ref, made.expiresAt) }
}

function publish(name: string, pem: string, ref: string, expiresAt: Date) {
  edge.projections.append("certificate", name, "CertificateIssued", {
    fullchain_pem: pem,
    key_ref: ref,
    issued_at: new Date().toISOString(),
    expires_at: expiresAt.toISOString(),
    fingerprint_sha256: new X509Certificate(pem).fingerprint256,
    environment: "internal",
  })
}

/** Certificate that a handshake with this name gets; rejects when it fails. */
async function served(servername: string | undefined, options: ConnectionOptions = {}): Promise<PeerCertificate> {
  const socket: TLSSocket = connect({
    port: edge.httpsPort,
    host: "127.0.0.1",
    rejectUnauthorized: false,
    ...(servername !== undefined && { servername }),
    ...options,
  })
  try {
    await once(socket, "secureConnect")
    return socket.getPeerCertificate()
  } finally {
    socket.destroy()
  }
}
const fingerprint = (pem: string) => new X509Certificate(pem).fingerprint256
const subject = async (name: string | undefined) => (await served(name)).subject.CN

describe("which certificate", () => {
  it("a client without SNI gets the default", async () => expect(await subject(undefined)).toBe("default.test"))

  it("a known host without a certificate gets the default, and so do the hosts of Gatehouse's own", async () => {
    for (const name of ["bare.test", "BARE.test", "bare.test.", "auth.gate.test", "admin.test"])
      expect(await subject(name)).toBe("default.test")
  })

  it.each(["unknown.test", "a.test.evil.test", "test", "127.0.0.1", "a..test", "../a.test", "plain.test"])(
    "an unknown name fails, in both versions of TLS: %s",
    async (name) => {
      await expect(served(name)).rejects.toThrow()
      await expect(served(name, { maxVersion: "TLSv1.2" })).rejects.toThrow()
    },
  )

  it("a certificate is served from the next handshake on, and a new one replaces it, without a restart", async () => {
    const first = await issue("one", "a.test")
    first.publish()
    await edge.certificatesLoaded()
    expect((await served("a.test")).fingerprint256).toBe(fingerprint(first.certificate))
    expect((await served("a.test", { maxVersion: "TLSv1.2" })).fingerprint256).toBe(fingerprint(first.certificate))
    expect(crashes).toContain("acme.certLoaded")
    const second = await issue("one", "a.test")
    second.publish()
    await edge.certificatesLoaded()
    expect((await served("A.test.")).fingerprint256).toBe(fingerprint(second.certificate))
  })

  it("the old one is served until the new one's key is there", async () => {
    const old = (await served("a.test")).fingerprint256
    const made = await issue("one", "a.test")
    const gate = Promise.withResolvers<void>()
    gates.set(made.ref, gate.promise)
    made.publish()
    expect((await served("a.test")).fingerprint256).toBe(old)
    gate.resolve()
    await edge.certificatesLoaded()
    expect((await served("a.test")).fingerprint256).toBe(fingerprint(made.certificate))
  })

  it("the first one of a host is waited for once the log has it, and nobody else waits", async () => {
    for (const name of ["first.test", "lost.test"]) edge.proxy(name, upstream.port)
    const made = await issue("first", "first.test")
    const gate = Promise.withResolvers<void>()
    gates.set(made.ref, gate.promise)
    made.publish()
    const waiting = served("first.test")
    expect(await subject("auth.gate.test")).toBe("default.test")
    gate.resolve()
    expect((await waiting).fingerprint256).toBe(fingerprint(made.certificate))
    const lost = await issue("lost", "lost.test")
    keys.delete(lost.ref)
    lost.publish()
    expect(await subject("lost.test")).toBe("default.test")
  })

  it("a certificate of another owner is not used, an administrator's is", async () => {
    const foreign = await issue("foreign", "two.test", { owner: "mallory" })
    foreign.publish()
    await edge.certificatesLoaded()
    expect(await subject("two.test")).toBe("default.test")
    const admins = await issue("admins", "two.test", { owner: "admin" })
    admins.publish()
    await edge.certificatesLoaded()
    expect((await served("two.test")).fingerprint256).toBe(fingerprint(admins.certificate))
    edge.projections.append("certificate", "admins", "CertificateDeleted", { cert_name: "admins" })
    expect(await subject("two.test")).toBe("default.test")
  })

  it("Gatehouse's own hosts use an administrator's certificate", async () => {
    const made = await issue("oauth", "auth.gate.test", { owner: "admin" })
    made.publish()
    await edge.certificatesLoaded()
    expect((await served("auth.gate.test")).fingerprint256).toBe(fingerprint(made.certificate))
  })

  it("a new host is known from the next handshake on, a removed one no longer", async () => {
    await expect(served("later.test")).rejects.toThrow()
    edge.proxy("later.test", upstream.port)
    expect(await subject("later.test")).toBe("default.test")
    edge.projections.append("proxy", "later.test", "ProxyDeleted", { hostname: "later.test" })
    await expect(served("later.test")).rejects.toThrow()
  })
})

describe("material that is refused leaves what is served", () => {
  it.each([
    [
      "a key that does not match",
      async () => issue("one", "a.test", { key: (await selfSigned("x", 1, new Date())).key }),
    ],
    ["one that has expired", () => issue("one", "a.test", { days: -1 })],
    ["a key that is garbage", () => issue("one", "a.test", { key: "no key" })],
  ])("%s", async (_, make) => {
    const good = await issue("one", "a.test")
    good.publish()
    await edge.certificatesLoaded()
    edge.lines.length = 0
    const bad = await make()
    bad.publish()
    await edge.certificatesLoaded()
    expect((await served("a.test")).fingerprint256).toBe(fingerprint(good.certificate))
    expect(edge.lines.join("")).toContain("certificate_refused")
    expect(edge.lines.join("")).not.toContain("PRIVATE KEY")
  })

  it("a chain that is garbage", async () => {
    const good = await issue("one", "a.test")
    good.publish()
    await edge.certificatesLoaded()
    edge.projections.append("certificate", "one", "CertificateIssued", {
      fullchain_pem: "garbage",
      key_ref: good.ref,
      issued_at: new Date().toISOString(),
      expires_at: good.expiresAt.toISOString(),
      fingerprint_sha256: "x",
      environment: "internal",
    })
    await edge.certificatesLoaded()
    expect((await served("a.test")).fingerprint256).toBe(fingerprint(good.certificate))
  })
})

it("a certificate that does not cover all of its names is never served", async () => {
  const made = await issue("half", "bare.test", { domains: ["bare.test", "other.test"] })
  made.publish()
  await edge.certificatesLoaded()
  expect(await subject("bare.test")).toBe("default.test")
})

describe("protocol", () => {
  it.each(["TLSv1", "TLSv1.1"] as const)("%s is refused", async (version) => {
    const old = { minVersion: version, maxVersion: version, ciphers: "ALL:@SECLEVEL=0" }
    await expect(served("a.test", old)).rejects.toThrow(/protocol version|unsupported protocol/i)
  })

  it("http/1.1 is chosen, and a client that offers only something else is refused", async () => {
    const socket = connect({
      port: edge.httpsPort,
      host: "127.0.0.1",
      servername: "a.test",
      rejectUnauthorized: false,
      ALPNProtocols: ["h2", "http/1.1"],
    })
    await once(socket, "secureConnect")
    expect(socket.alpnProtocol).toBe("http/1.1")
    socket.destroy()
    await expect(served("a.test", { ALPNProtocols: ["acme-tls/1"] })).rejects.toThrow(/no application protocol/i)
  })

  it("HTTP on the HTTPS port ends, and the edge lives on", async () => {
    const client = await rawClient(edge.httpsPort)
    client.socket.write("GET / HTTP/1.1\r\nHost: a.test\r\n\r\n")
    const text = await client.closed()
    expect(text === "" || statuses(text)[0] === 400).toBe(true)
    expect(await subject(undefined)).toBe("default.test")
  })
})

describe("SNI and Host", () => {
  const get = (host: string) => `GET / HTTP/1.1\r\nHost: ${host}\r\nConnection: close\r\n\r\n`

  it("a Host other than the server name is a 421", async () => {
    expect(statuses(await rawExchange(edge.httpsPort, get("bare.test"), "a.test"))).toEqual([421])
    expect(statuses(await rawExchange(edge.httpsPort, get("a.test"), "a.test"))).toEqual([200])
    expect(statuses(await rawExchange(edge.httpsPort, get("A.TEST.:443"), "a.test"))).toEqual([200])
  })

  it("without a server name every Host is looked up", async () => {
    expect(statuses(await rawExchange(edge.httpsPort, get("a.test"), null))).toEqual([200])
    expect(statuses(await rawExchange(edge.httpsPort, get("unknown.test"), null))).toEqual([404])
    expect(statuses(await rawExchange(edge.httpsPort, get("plain.test"), null))).toEqual([404])
  })

  it("a session of one name that is resumed for another does not change the host", async () => {
    const options = {
      port: edge.httpsPort,
      host: "127.0.0.1",
      rejectUnauthorized: false,
      maxVersion: "TLSv1.2",
    } as const
    const first = connect({ ...options, servername: "a.test" })
    const [session] = (await once(first, "session")) as [Buffer]
    first.destroy()
    const second = connect({ ...options, servername: "bare.test", session })
    await once(second, "secureConnect")
    second.write(get("a.test"))
    let text = ""
    second.on("data", (chunk: Buffer) => (text += chunk.toString()))
    await once(second, "close")
    expect([200, 421]).toContain(statuses(text)[0])
    expect(statuses(text)[0] === 421 || second.isSessionReused()).toBe(true)
  })
})
