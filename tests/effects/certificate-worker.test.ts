import { acmeSite, until } from "./acme-site.ts"
import { describe, expect, test } from "vitest"

const site = acmeSite()

describe("a requested certificate", () => {
  test("is ordered, proven by an answer that the node serves, and recorded step by step", async () => {
    const node = await site.start()
    await site.request(node, "one", ["one.example.com"])
    await site.reaches(node, "one", "completed")
    await site.served(node, "one", ["one.example.com"])
    expect(node.history("one")).toEqual([
      "CertificateRequested",
      "CertificateAttemptStarted",
      "CertificateOrderRecorded",
      "CertificateChallengePublished",
      "CertificateKeySaved",
      "CertificateIssued",
    ])
    const { material, generation, environment } = node.certificate("one")
    expect(generation).toMatchObject({ attempt: 1, challenges: [], order_url: null, last_error: null })
    expect([material!.environment, environment]).toEqual(["production", "production"])
  })

  test("may have many names, and an RSA key", async () => {
    const node = await site.start()
    const domains = Array.from({ length: 12 }, (_, index) => `n${String(index).padStart(2, "0")}.example.com`)
    await site.request(node, "many", domains, { key_type: "rsa" })
    await site.reaches(node, "many", "completed")
    const leaf = await site.served(node, "many", domains)
    expect(leaf.publicKey.asymmetricKeyDetails?.modulusLength).toBe(2048)
  })

  test("of a local name comes from Gatehouse's own CA, which is created once", async () => {
    const node = await site.start()
    await site.request(node, "first", ["one.test", "*.one.test"])
    await site.request(node, "second", ["two.test"])
    await site.reaches(node, "first", "completed")
    await site.reaches(node, "second", "completed")
    await site.served(node, "first", ["one.test", "*.one.test"])
    const roots = ["first", "second"].map(
      (name) => node.certificate(name).material!.fullchain_pem.split(/(?=-----BEGIN)/)[1],
    )
    expect(roots[0]).toBe(roots[1])
    expect(node.certificate("first").material!.environment).toBe("internal")
    expect(site.relay.seen).toEqual([])
  })

  test("with a wildcard is refused before the CA hears of it", async () => {
    const node = await site.start()
    await expect(site.request(node, "wild", ["*.example.com"])).rejects.toMatchObject({
      code: "wildcard_requires_dns01",
    })
    expect(site.relay.seen).toEqual([])
  })

  test("shares the account and makes one order at a time for the same names", async () => {
    const node = await site.start()
    await Promise.all(["a", "b", "c"].map((name) => site.request(node, name, ["same.example.com"])))
    for (const name of ["a", "b", "c"]) await site.reaches(node, name, "completed")
    const accounts = site.relay.seen.filter((line) => line === "POST /sign-me-up")
    expect(accounts).toHaveLength(1)
    const stages = site.relay.seen
      .map((line) => line.split("/")[1])
      .filter((stage) => /^(order-plz|certZ)/.test(stage ?? ""))
    expect(stages).toEqual(["order-plz", "certZ", "order-plz", "certZ", "order-plz", "certZ"])
  })

  test("that is requested together with others shares one account with them", async () => {
    const node = await site.start()
    const names = ["x", "y", "z"]
    await Promise.all(names.map((name) => site.request(node, name, [`${name}.example.com`])))
    for (const name of names) await site.reaches(node, name, "completed")
    expect(site.relay.seen.filter((line) => line === "POST /sign-me-up")).toHaveLength(1)
  })

  test("that is deleted while it is ordered ends the work", async () => {
    const node = await site.start({ ACME_HTTP_TIMEOUT: "60" })
    site.relay.fault = (_method, path) => (path === "/order-plz" ? { kind: "hang" } : undefined)
    await site.request(node, "gone", ["gone.example.com"])
    await until("the order is on its way", () => site.orders() === 1, node)
    await node.execute("DeleteCertificate", { cert_name: "gone" })
    site.relay.fault = () => undefined
    await site.request(node, "gone", ["gone.example.com"])
    await site.reaches(node, "gone", "completed")
  })
})

describe("two nodes", () => {
  test("order once for one request", async () => {
    const first = await site.start()
    const second = await site.startSecond()
    const names = ["one", "two", "three"]
    await Promise.all(names.map((name) => site.request(first, name, [`${name}.example.com`])))
    for (const name of names) await site.reaches(second, name, "completed")
    expect([site.orders(), site.finalizations()]).toEqual([3, 3])
    await until("both have seen the same", () => second.world.position === first.world.position, first)
    expect(second.world.hash).toBe(first.world.hash)
  })
})

describe("Redis gone for a while", () => {
  test("in the middle of an order: the work goes on when it is back", async () => {
    const node = await site.start({}, true, { leaseTtlMs: 1500 })
    site.relay.fault = (_method, path) => {
      if (path !== "/order-plz" || site.orders() > 1) return undefined
      return { kind: "hang" }
    }
    await site.request(node, "away", ["away.example.com"])
    await until("the order is on its way", () => site.orders() === 1, node)
    await site.redis.kill()
    await until("the lease is lost", () => node.logLines.some((line) => line.includes("lease_left")), node)
    await site.redis.restart()
    await site.reaches(node, "away", "completed")
    await site.served(node, "away", ["away.example.com"])
    expect(node.certificate("away").generation.attempt).toBe(1)
  })
})
