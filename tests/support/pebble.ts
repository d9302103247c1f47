import { type ChildProcess, execFileSync, spawn } from "node:child_process"
import { mkdtempSync, readFileSync, rmSync, writeFileSync } from "node:fs"
import { freePort } from "./ports.ts"
import { join } from "node:path"
import { Resolver } from "node:dns/promises"
import { once } from "node:events"
import { request } from "node:https"
import { tmpdir } from "node:os"
import tls from "node:tls"

/** What can be chosen about a test CA. */
export interface PebbleOptions {
  /** Environment, for example `PEBBLE_WFE_NONCEREJECT`. */
  readonly env?: Record<string, string>
  /** Seconds. */
  readonly certificateValidityPeriod?: number
  readonly domainBlocklist?: readonly string[]
  /** Port on which validations arrive; a free one by default. */
  readonly httpPort?: number
}

/** A real ACME CA on this machine, with a DNS server that answers every name with 127.0.0.1. */
export interface Pebble {
  readonly directoryUrl: string
  /** Port of the CA's own HTTPS listener. */
  readonly port: number
  /** Anchor, certificate and key of the CA's HTTPS listener. */
  readonly caPem: string
  /** File of the same, for NODE_EXTRA_CA_CERTS. */
  readonly caFile: string
  readonly serverPem: string
  readonly serverKeyPem: string
  /** Where http-01 validation requests go. */
  readonly httpPort: number
  /** Anchor of the certificates that it issues; new at every start. */
  issuingRoot(): Promise<string>
  /** Kills the CA: it forgets accounts and orders. */
  kill(): Promise<void>
  /** Starts it again on the same ports, with other environment variables when given. */
  start(env?: Record<string, string>): Promise<void>
  /** Calls challtestsrv's management API, for example `clear-a`. */
  dns(path: string, body: unknown): Promise<void>
  stop(): Promise<void>
}

/** Starts the CA and lets this process trust its HTTPS listener. */
export async function startPebble(options: PebbleOptions = {}): Promise<Pebble> {
  const directory = mkdtempSync(join(tmpdir(), "gatehouse-pebble-"))
  const [port, management, dnsPort, dnsManagement, tlsPort] = await freePorts(5)
  const httpPort = options.httpPort ?? (await freePort())
  const files = makeServerCertificate(directory)
  tls.setDefaultCACertificates([...tls.getCACertificates("default"), files.caPem])
  const config = {
    listenAddress: `127.0.0.1:${port}`,
    managementListenAddress: `127.0.0.1:${management}`,
    certificate: join(directory, "srv.pem"),
    privateKey: join(directory, "srv.key"),
    httpPort,
    tlsPort,
    ocspResponderURL: "",
    externalAccountBindingRequired: false,
    domainBlocklist: options.domainBlocklist ?? ["blocked.example"],
    certificateValidityPeriod: options.certificateValidityPeriod ?? 7_776_000,
  }
  writeFileSync(join(directory, "pebble.json"), JSON.stringify({ pebble: config }))
  const dns = spawn(
    "pebble-challtestsrv",
    [
      "-defaultIPv4",
      "127.0.0.1",
      "-defaultIPv6",
      "",
      "-dns01",
      `127.0.0.1:${dnsPort}`,
      "-http01",
      "",
      "-https01",
      "",
      "-tlsalpn01",
      "",
      "-management",
      `127.0.0.1:${dnsManagement}`,
    ],
    { stdio: "ignore" },
  )
  // The CA asks it in each validation, and nobody else would wait for it.
  const resolver = new Resolver({ timeout: 1000, tries: 1 })
  resolver.setServers([`127.0.0.1:${dnsPort}`])
  await until(async () => (await resolver.resolve4("ready.example")).includes("127.0.0.1"))
  let server: ChildProcess | undefined
  const get = (at: number, path: string) => fetchText(`https://localhost:${at}${path}`, files.caPem)
  const start = async (env: Record<string, string> = {}) => {
    const settings = {
      PEBBLE_VA_NOSLEEP: "1",
      PEBBLE_WFE_NONCEREJECT: "0",
      PEBBLE_AUTHZREUSE: "0",
      ...options.env,
      ...env,
    }
    const words = ["-config", "pebble.json", "-dnsserver", `127.0.0.1:${dnsPort}`, "-strict=false"]
    server = spawn("pebble", words, { cwd: directory, env: { ...process.env, ...settings }, stdio: "ignore" })
    await until(async () => (await get(port, "/dir")).includes("newOrder"))
  }
  const kill = async () => {
    await end(server)
    server = undefined
  }
  await start()
  return {
    directoryUrl: `https://localhost:${port}/dir`,
    port,
    httpPort,
    ...files,
    issuingRoot: () => get(management, "/roots/0"),
    start,
    kill,
    async dns(path, body) {
      const answer = await fetch(`http://127.0.0.1:${dnsManagement}/${path}`, {
        method: "POST",
        body: JSON.stringify(body),
      })
      if (!answer.ok) throw new Error(`challtestsrv ${path}: ${answer.status}`)
    },
    async stop() {
      await kill()
      await end(dns)
      rmSync(directory, { recursive: true })
    },
  }
}

function makeServerCertificate(cwd: string) {
  const openssl = (...words: string[]) => execFileSync("openssl", words, { cwd, stdio: ["ignore", "ignore", "pipe"] })
  const extensions = [
    "-addext",
    "basicConstraints=critical,CA:TRUE",
    "-addext",
    "keyUsage=critical,keyCertSign,cRLSign",
  ]
  openssl("ecparam", "-name", "prime256v1", "-genkey", "-noout", "-out", "ca.key")
  openssl(
    "req",
    "-x509",
    "-new",
    "-key",
    "ca.key",
    "-sha256",
    "-days",
    "30",
    "-subj",
    "/CN=test ca",
    "-out",
    "ca.pem",
    ...extensions,
  )
  openssl("ecparam", "-name", "prime256v1", "-genkey", "-noout", "-out", "srv.key")
  openssl("req", "-new", "-key", "srv.key", "-subj", "/CN=localhost", "-out", "srv.csr")
  writeFileSync(join(cwd, "ext"), "subjectAltName=DNS:localhost,IP:127.0.0.1\nextendedKeyUsage=serverAuth\n")
  openssl(
    "x509",
    "-req",
    "-in",
    "srv.csr",
    "-CA",
    "ca.pem",
    "-CAkey",
    "ca.key",
    "-CAcreateserial",
    "-days",
    "30",
    "-sha256",
    "-extfile",
    "ext",
    "-out",
    "srv.pem",
  )
  const text = (name: string) => readFileSync(join(cwd, name), "utf8")
  return {
    caPem: text("ca.pem"),
    caFile: join(cwd, "ca.pem"),
    serverPem: text("srv.pem"),
    serverKeyPem: text("srv.key"),
  }
}

async function freePorts(count: number): Promise<[number, number, number, number, number]> {
  const ports = new Set<number>()
  while (ports.size < count) ports.add(await freePort())
  return [...ports] as [number, number, number, number, number]
}

function fetchText(url: string, ca: string): Promise<string> {
  return new Promise((resolve, reject) => {
    const call = request(url, { ca, agent: false }, (answer) => {
      let text = ""
      answer.setEncoding("utf8").on("data", (part: string) => (text += part))
      answer.on("end", () => resolve(text)).on("error", reject)
    })
    call.on("error", reject).end()
  })
}

async function until(ready: () => Promise<boolean>, deadlineMs = 30_000): Promise<void> {
  const end = performance.now() + deadlineMs
  for (;;) {
    const outcome = await ready().catch((error: unknown) => error)
    if (outcome === true) return
    if (performance.now() > end) throw new Error(`the test CA does not answer: ${String(outcome)}`)
    await new Promise((resolve) => setTimeout(resolve, 50))
  }
}

async function end(child: ChildProcess | undefined): Promise<void> {
  if (child === undefined || child.exitCode !== null || child.signalCode !== null) return
  child.kill("SIGKILL")
  await once(child, "exit")
}
