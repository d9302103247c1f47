import { type RunningApi, conforming, issue, runningApi } from "../running-api.ts"
import { afterAll, beforeAll, describe, expect, test } from "vitest"

let api: RunningApi
let alice: string
let bob: string
beforeAll(async () => {
  api = await runningApi()
  alice = await api.token("alice")
  bob = await api.token("bob")
})
afterAll(() => api.stop())

const base = "/api/v1/certificates"

describe("requesting a certificate", () => {
  test("answers 201 with its status address, pending", async () => {
    const { status, headers, body } = await api.call("POST", base, { domain: "One.Example.com" }, {}, alice)
    conforming("createCertificate", body)
    expect([status, headers.get("location")]).toEqual([201, `${base}/proxy-one-example-com/status`])
    expect(body).toMatchObject({ cert_name: "proxy-one-example-com", domains: ["one.example.com"], status: "pending" })
  })

  test("of several names warns of a name that a wildcard covers", async () => {
    const domains = ["*.w.internal", "a.w.internal", "w.internal"]
    const { status, body } = await api.call("POST", `${base}/multi-domain`, { cert_name: "Multi", domains }, {}, alice)
    conforming("createMultiDomainCertificate", body)
    expect([status, body["warnings"]]).toEqual([201, ["*.w.internal covers a.w.internal already"]])
  })

  test.each([
    ["a taken name", "", { domain: "x.example.com", cert_name: "MULTI" }, 409, "already_exists"],
    ["a reserved name", "", { domain: "x.example.com", cert_name: "multi-domain" }, 422, "reserved_name"],
    ["a wildcard at a public CA", "", { domain: "*.example.com" }, 422, "wildcard_requires_dns01"],
    ["an address at a public CA", "", { domain: "192.0.2.1", issuer: "acme" }, 422, "issuer_not_applicable"],
    [
      "public and local names together",
      "/multi-domain",
      { cert_name: "m", domains: ["a.test", "a.example.com"] },
      422,
      "issuer_not_applicable",
    ],
    [
      "a directory of one's own",
      "",
      { domain: "x.example.com", acme_directory_url: "https://other.example/dir" },
      403,
      "directory_not_allowed",
    ],
    ["no name in the list", "/multi-domain", { cert_name: "m", domains: [] }, 422, "validation_failed"],
    ["several names without one for the whole", "/multi-domain", { domains: ["a.test"] }, 422, "validation_failed"],
    ["a list where one name belongs", "", { domains: ["a.test"] }, 422, "validation_failed"],
    ["an unknown key type", "", { domain: "a.test", key_type: "dsa" }, 422, "validation_failed"],
  ])("is refused for %s", async (_, path, body, status, code) => {
    const answer = await api.call("POST", `${base}${path}`, body, {}, alice)
    expect([answer.status, answer.body["code"]]).toEqual([status, code])
  })

  test("names every bad domain", async () => {
    const { body } = await api.call(
      "POST",
      `${base}/multi-domain`,
      { cert_name: "m", domains: ["ok.test", "a b", "http://x"] },
      {},
      alice,
    )
    expect((body["errors"] as { path: string }[]).map(({ path }) => path)).toEqual(["domains.1", "domains.2"])
  })

  test("for a host of another owner's proxy is refused", async () => {
    await api.call(
      "POST",
      "/api/v1/proxy/targets",
      { hostname: "bobs.example.com", target_url: "http://93.184.216.34", enable_https: false },
      {},
      bob,
    )
    const answer = await api.call("POST", base, { domain: "bobs.example.com" }, {}, alice)
    expect([answer.status, answer.body["code"]]).toEqual([403, "domain_claimed"])
  })
})

describe("showing certificates", () => {
  let key: string
  beforeAll(async () => {
    await api.call("POST", base, { domain: "shown.test", cert_name: "Shown" }, {}, alice)
    key = await issue(api, "Shown")
  })

  test("lists one's own, all for an administrator, without key or chain", async () => {
    const names = async (query: string, token?: string) => {
      const { body } = await api.call<{ certificates: { cert_name: string }[] }>(
        "GET",
        `${base}${query}`,
        undefined,
        {},
        token,
      )
      conforming("listCertificates", body)
      return body.certificates.map(({ cert_name }) => cert_name)
    }
    expect(await names("", alice)).toEqual(["Multi", "proxy-one-example-com", "Shown"])
    expect(await names("", bob)).toEqual([])
    expect(await names("")).toContain("Shown")
    expect(await names("?status=active", alice)).toEqual(["Shown"])
    expect(await names("?domain=one.example.com", alice)).toEqual(["proxy-one-example-com"])
    expect(await names("?issuer=internal&order=desc", alice)).toEqual(["Shown", "Multi"])
    expect((await api.call("GET", `${base}?status=great`)).status).toBe(422)
  })

  test("shows one with its chain to its owner and to an administrator", async () => {
    const { status, headers, body } = await api.call("GET", `${base}/shown`, undefined, {}, alice)
    conforming("getCertificate", body)
    expect([status, headers.get("etag")]).toEqual([200, expect.stringMatching(/^"\d+-[\w-]{16}"$/)])
    expect(body).toMatchObject({
      cert_name: "Shown",
      status: "active",
      issuer: "internal",
      environment: "internal",
      serving: true,
      owner: "alice",
      attached_to: [],
    })
    expect(body["fullchain_pem"]).toContain("BEGIN CERTIFICATE")
    expect(body).not.toHaveProperty("private_key_pem")
    const life = Date.parse(body["expires_at"] as string) - Date.parse(body["issued_at"] as string)
    expect(Date.parse(body["expires_at"] as string) - Date.parse(body["next_renewal_at"] as string)).toBeCloseTo(
      life / 3,
      -3,
    )
    const foreign = await api.call("GET", `${base}/shown`, undefined, {}, bob)
    expect([foreign.status, foreign.body["code"]]).toEqual([403, "not_owner"])
    expect((await api.call("GET", `${base}/none`, undefined, {}, bob)).status).toBe(404)
  })

  test("gives the key only when asked, and records that", async () => {
    const { headers, body } = await api.call("GET", `${base}/shown?include_private_key=true`, undefined, {}, alice)
    conforming("getCertificate", body)
    expect([body["private_key_pem"], headers.get("cache-control")]).toEqual([key, "no-store"])
    const [event] = await api.store.read(Number(headers.get("x-event-position")) - 1, 1)
    expect(event).toMatchObject({ type: "CertificateKeyDownloaded", data: { by: "alice" } })
    expect((await api.call("GET", `${base}/shown?include_private_key=true`, undefined, {}, bob)).status).toBe(403)
    const none = await api.call("GET", `${base}/proxy-one-example-com?include_private_key=true`, undefined, {}, alice)
    expect([none.status, none.body["code"]]).toEqual([409, "invalid_state"])
  })
})

describe("deleting a certificate", () => {
  test("is for its owner, takes it from its proxies and destroys the key", async () => {
    await api.call("POST", base, { domain: "gone.test", cert_name: "gone" }, {}, alice)
    await issue(api, "gone")
    await api.call(
      "POST",
      "/api/v1/proxy/targets",
      { hostname: "gone.test", target_url: "http://93.184.216.34", cert_name: "gone" },
      {},
      alice,
    )
    const ref = api.projections.world.objects.certificate.get("gone")!.state.material!.key_ref
    expect((await api.call("DELETE", `${base}/gone`, undefined, {}, bob)).body["code"]).toBe("not_owner")
    const { status, body } = await api.call("DELETE", `${base}/gone`, undefined, {}, alice)
    conforming("deleteCertificate", body)
    expect([status, body["detached"]]).toEqual([200, ["gone.test"]])
    expect(
      (await api.call("GET", "/api/v1/proxy/targets/gone.test", undefined, {}, alice)).body["cert_name"],
    ).toBeNull()
    expect(await api.store.secret(ref)).toBeUndefined()
    expect((await api.call("DELETE", `${base}/gone`, undefined, {}, alice)).status).toBe(404)
  })

  test("that another owner's proxy uses needs an administrator with force", async () => {
    await api.call("POST", base, { domain: "shared.test", cert_name: "shared", owner: "bob" })
    await api.call("POST", "/api/v1/proxy/targets", {
      hostname: "shared.test",
      target_url: "http://93.184.216.34",
      cert_name: "shared",
      owner: "alice",
    })
    const refused = await api.call("DELETE", `${base}/shared?force=true`, undefined, {}, bob)
    expect([refused.status, refused.body["code"], refused.body["references"]]).toEqual([409, "in_use", ["shared.test"]])
    expect((await api.call("DELETE", `${base}/shared`)).status).toBe(409)
    expect((await api.call("DELETE", `${base}/shared?force=true`)).status).toBe(200)
  })
})
