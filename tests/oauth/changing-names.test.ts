import { createHook } from "node:async_hooks"
import { type DocumentSite, documentSite } from "./document-site.ts"
import { type NameServer, nameServer } from "../support/name-server.ts"
import { DocumentError, documentFetch } from "../../src/oauth/document-fetch.ts"
import { afterAll, beforeAll, beforeEach, describe, expect, it } from "vitest"
import { Resolver } from "node:dns/promises"

let names: NameServer
let site: DocumentSite
let seen: number

beforeAll(async () => {
  ;[names, site] = await Promise.all([nameServer(), documentSite()])
})

beforeEach(() => {
  seen = site.seen.length
})

afterAll(async () => {
  await site?.stop()
  await names?.stop()
})

/** Asks the name server of this test, as the fetch asks the system's. */
async function resolve(hostname: string): Promise<string[]> {
  // It is in this process: an answer that takes long comes all the same.
  const resolver = new Resolver({ timeout: 20_000, tries: 1 })
  resolver.setServers([names.address])
  const found = await Promise.allSettled([resolver.resolve4(hostname), resolver.resolve6(hostname)])
  return found.flatMap((answer) => (answer.status === "fulfilled" ? answer.value : []))
}

async function fault(): Promise<string> {
  const fetch = documentFetch({
    issuer: "https://auth.example.com",
    allowedHosts: [],
    deniedHosts: [],
    ca: site.ca,
    resolve,
  })
  const error = await fetch(`https://documents.example:${site.port}/a.json`, 5120).catch((failure: unknown) => failure)
  if (!(error instanceof DocumentError)) throw new Error(`no refusal: ${JSON.stringify(error)}`)
  return error.fault
}

const elsewhere = "93.184.215.14"

/** Addresses at whose port of the site this process opens TCP connections meanwhile; what ran before may have others to do. */
async function addressesDialled(work: () => Promise<void>): Promise<(string | undefined)[]> {
  const attempts: { readonly address?: string; readonly port?: number }[] = []
  const hook = createHook({
    init(_id, type, _trigger, attempt) {
      if (type === "TCPCONNECTWRAP") attempts.push(attempt)
    },
  }).enable()
  try {
    await work()
  } finally {
    hook.disable()
  }
  return attempts.filter(({ port }) => port === site.port).map(({ address }) => address)
}

describe("a name that changes what it stands for", () => {
  it("is asked for once, and what was checked is what is dialled", async () => {
    site.publish("/a.json", { secret: "of this machine" })
    names.answer([elsewhere, "127.0.0.1"])
    // Whether that address answers is not up to this test; that it is dialled, and this machine is not, is.
    const dialled = await addressesDialled(async () => expect(["unreachable", "timeout"]).toContain(await fault()))
    expect(dialled).toEqual([elsewhere])
    expect(names.queries).toBe(2)
    expect(site.seen.length).toBe(seen)
  })

  it("is refused while it stands for this machine, before anything is dialled", async () => {
    names.answer(["127.0.0.1", elsewhere])
    expect(await fault()).toBe("address_not_allowed")
    expect(site.seen.length).toBe(seen)
  })

  it("is refused when only its IPv6 address is this machine's", async () => {
    names.answer([elsewhere], ["::1"])
    expect(await fault()).toBe("address_not_allowed")
    expect(site.seen.length).toBe(seen)
  })

  it("is refused again each time: no earlier answer is remembered", async () => {
    for (const address of ["10.0.0.1", "169.254.169.254", "100.64.0.1", "192.168.1.1", "0.0.0.0"]) {
      names.answer([address])
      expect(await fault(), address).toBe("address_not_allowed")
    }
    expect(site.seen.length).toBe(seen)
  })
})
