import { describe, expect, it } from "vitest"
import type { System } from "./system.ts"
import type { Json, Uses } from "./uses.ts"
import { eventually } from "../support/gatehouse.ts"

const one = "/api/v1/certificates/{cert_name}"

/** Asks for certificates, of the internal CA and of an ACME CA, follows, renews, replaces and deletes them. */
export function walkCertificates(uses: Uses, system: () => System): void {
  const { call, refuse, recipe, fail } = uses
  const shop = () => ({ params: { cert_name: "shop" }, token: system().alice })

  describe("certificates", () => {
    it("live through the API", async () => {
      const token = system().alice
      const made = await call("POST /api/v1/certificates", 201, {
        token,
        body: { domain: "shop.test", cert_name: "shop" },
      })
      expect(made.body).toEqual({
        message: expect.any(String),
        cert_name: "shop",
        domains: ["shop.test"],
        status: "pending",
      })
      expect(made.headers.get("location")).toBe("/api/v1/certificates/shop/status")
      await refuse("POST /api/v1/certificates", 409, "already_exists", {
        token,
        body: { domain: "shop.test", cert_name: "shop" },
      })
      const multi = { cert_name: "many", domains: ["one.test", "*.two.test"] }
      expect(
        (await call("POST /api/v1/certificates/multi-domain", 201, { token, body: multi })).body["domains"],
      ).toEqual(multi.domains)
      const wildcard = { cert_name: "wild", domains: ["*.example.com"] }
      await refuse("POST /api/v1/certificates/multi-domain", 422, "wildcard_requires_dns01", { token, body: wildcard })
      const status = (await call(`GET ${one}/status`, 200, { ...shop(), query: "wait=true&timeout=30" })).body
      expect(status).toMatchObject({
        cert_name: "shop",
        status: "active",
        generation: { state: "completed", last_error: null },
      })
      await refuse(`GET ${one}/status`, 404, "not_found", { params: { cert_name: "none" } })
      const shown = (await call(`GET ${one}`, 200, shop())).body
      expect(shown).toMatchObject({
        cert_name: "shop",
        issuer: "internal",
        environment: "internal",
        owner: "alice",
        attached_to: [],
      })
      expect(shown).not.toHaveProperty("private_key_pem")
      const withKey = await call(`GET ${one}`, 200, { ...shop(), query: "include_private_key=true" })
      expect(withKey.body["private_key_pem"]).toMatch(/^-----BEGIN PRIVATE KEY-----/)
      expect(withKey.headers.get("cache-control")).toBe("no-store")
      await refuse(`GET ${one}`, 403, "not_owner", { ...shop(), token: system().bob })
      const listed = (await call("GET /api/v1/certificates", 200, { token })).body
      expect((listed["certificates"] as Json[]).map(({ cert_name }) => cert_name as string)).toEqual(["many", "shop"])
      await refuse("GET /api/v1/certificates", 422, "validation_failed", { query: "per_page=0" })
      expect((await call(`GET ${one}/coverage`, 200, shop())).body["uncovered_domains"]).toEqual(["shop.test"])
      expect((await call(`POST ${one}/renew`, 200, { ...shop(), body: {} })).body).toMatchObject({ renewed: false })
      expect((await call(`POST ${one}/renew`, 202, { ...shop(), body: { force: true } })).body).toMatchObject({
        status: "renewing",
      })
      await refuse(`POST ${one}/renew`, 403, "not_owner", { ...shop(), token: system().bob, body: {} })
      await refuse(`POST ${one}/convert-to-production`, 409, "invalid_state", shop())
      await call(`GET ${one}/status`, 200, { ...shop(), query: "wait=true&timeout=30" })
      expect((await call(`DELETE ${one}`, 200, shop())).body).toEqual({ message: expect.any(String), detached: [] })
      await refuse(`DELETE ${one}`, 404, "not_found", shop())
    })

    it("come from an ACME CA, whose challenge is answered on the public port", async () => {
      const { node, ca, alice: token } = system()
      // The CA hears that the answer is in place when that was looked at.
      const looked = Promise.withResolvers<void>()
      ca.fault = (_, path) => (path.startsWith("/chalZ/") ? { kind: "hold", until: looked.promise } : undefined)
      const challenges = `http://127.0.0.1:${node.httpPort}/.well-known/acme-challenge`
      const body = { domain: "staged.example.com", cert_name: "staged", staging: true }
      await call("POST /api/v1/certificates", 201, { token, body })
      const published = await eventually(
        "a challenge is published",
        async () => {
          const { events } = (await call("GET /api/v1/events", 200, { query: "type=CertificateChallengePublished" }))
            .body
          return (events as { data: { token: string; key_authorization: string } }[])[0]
        },
        20_000,
      )
      const answered = await fetch(`${challenges}/${published.data.token}`)
      expect([answered.status, await answered.text()]).toEqual([200, published.data.key_authorization])
      looked.resolve()
      uses.used.add("GET /.well-known/acme-challenge/{token}")
      expect((await fetch(`${challenges}/unknown`)).status).toBe(404)
      uses.refused.add("GET /.well-known/acme-challenge/{token}")
      const staged = { params: { cert_name: "staged" }, token }
      const ready = { ...staged, query: "wait=true&timeout=60" }
      expect((await call(`GET ${one}/status`, 200, ready)).body).toMatchObject({ status: "active" })
      expect((await call(`GET ${one}`, 200, staged)).body).toMatchObject({ environment: "staging", issuer: "acme" })
      expect((await call(`POST ${one}/convert-to-production`, 202, staged)).body).toMatchObject({ status: "replacing" })
      expect((await call(`GET ${one}/status`, 200, ready)).body).toMatchObject({ status: "active" })
      expect((await call(`GET ${one}`, 200, staged)).body).toMatchObject({ environment: "production" })
    }, 120_000)

    it("live through the recipes", async () => {
      expect(await recipe("cert-create", ["made", "made.test", "", "alice"])).toMatchObject({ status: "pending" })
      await fail("cert-create", ["made", "made.test", "", "alice"], 1, /^already_exists: /)
      expect((await recipe("cert-create-multi", ["multi", "a.test,b.test", "", "alice"]))["domains"]).toEqual([
        "a.test",
        "b.test",
      ])
      await fail("cert-create-multi", ["multi2", "a.test,nonsense", "", "alice"], 1, /^validation_failed: /)
      expect((await recipe("cert-create-wildcard", ["wild", "w.test", "", "alice"]))["domains"]).toEqual([
        "*.w.test",
        "w.test",
      ])
      await fail(
        "cert-create-wildcard",
        ["w2", "example.com", "a@example.com", "alice"],
        1,
        /cert-create-multi instead/,
      )
      expect(await recipe("cert-status", ["made", "alice", "wait"])).toMatchObject({ status: "active" })
      await fail("cert-status", ["none"], 1, /^not_found: /)
      expect((await recipe("cert-list", ["alice"]))["certificates"]).toHaveLength(5)
      await fail("cert-list", ["wrong-token-value"], 1, /^invalid_token: /)
      expect((await recipe("cert-show", ["made", "alice", "pem"]))["text"]).toMatch(/^-----BEGIN CERTIFICATE-----/)
      await fail("cert-show", ["none"], 1, /^not_found: /)
      expect((await recipe("cert-coverage", ["made"]))["uncovered_domains"]).toEqual(["made.test"])
      await fail("cert-coverage", ["none"], 1, /^not_found: /)
      expect(await recipe("cert-renew", ["made", "alice", "force", "--wait"])).toMatchObject({ status: "active" })
      await fail("cert-renew", ["none", "alice"], 1, /^not_found: /)
      await recipe("cert-to-production", ["staged", "alice"])
      await fail("cert-to-production", ["made", "alice"], 1, /^invalid_state: /)
      await fail("cert-delete", ["made", "alice"], 3, /made and its key will be deleted/)
      for (const name of ["made", "multi", "wild", "many", "staged"])
        await recipe("cert-delete", [name, "alice", "force"])
      await fail("cert-delete", ["made", "alice", "force"], 1, /^not_found: /)
    })
  })
}
