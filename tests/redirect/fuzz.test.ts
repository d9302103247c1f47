import { fc } from "../support/property.ts"
import { type RedisServer, redisServer } from "../support/redis-server.ts"
import { type WebHost, webHost } from "./web-host.ts"
import { afterAll, beforeAll, describe, expect, it } from "vitest"
import { returnTarget } from "../../src/projections/return-url.ts"

let redis: RedisServer
let web: WebHost
const app = "https://app.localhost:8443"
const auth = "https://auth.localhost:8443"

beforeAll(async () => {
  redis = await redisServer()
  web = await webHost(redis.url)
  await web.host("app.localhost")
})

afterAll(async () => {
  await web?.stop()
  await redis?.stop()
})

const piece = fc.constantFrom(
  ...[
    "https:",
    "http:",
    "javascript:",
    "/",
    "//",
    "\\",
    "@",
    ":",
    ":8443",
    "?",
    "#",
    ".",
    "..",
    "%2f",
    "%5c",
    "%00",
    "\t",
    "\n",
  ],
  ...[
    "app.localhost",
    "auth.localhost",
    "evil.example",
    "app.localhost:8443",
    app,
    auth,
    "user",
    " ",
    "<b>",
    '"',
    "ü",
    "。",
    "[::1]",
  ],
)
const hostile = fc.oneof(
  fc.array(piece, { maxLength: 8 }).map((pieces) => pieces.join("")),
  fc.array(piece, { maxLength: 4 }).map((pieces) => `${app}/${pieces.join("")}`),
  fc.array(piece, { maxLength: 4 }).map((pieces) => `https://${pieces.join("")}${app.slice(8)}/`),
  fc.webUrl(),
  fc.string(),
)

describe("whatever is given as a place to return to", () => {
  it("leads to one of our own hosts or nowhere, as a browser reads it", () => {
    const rule = { world: web.node.world, oauthAuthority: "auth.localhost:8443", publicHttpsPort: 8443 }
    fc.assert(
      fc.property(hostile, (text) => {
        const target = returnTarget(text, rule)
        if (target === undefined) return
        expect([app, auth]).toContain(new URL(target.href, "https://evil.example/x").origin)
        expect(target.href).toMatch(/^https:\/\/(app|auth)\.localhost:8443\/[\x21-\x7e]*$/)
      }),
      { numRuns: 20_000 },
    )
  })

  it("is answered without a fault, a way out, or a repetition of it as markup", async () => {
    const who = web.visitor()
    await who.signIn(`${app}/`, web.alice)
    const targets = (value: string, other: string) => [
      `${auth}/login?${new URLSearchParams({ return_url: value, nonce: other }).toString()}`,
      `${auth}/login?${new URLSearchParams({ return_url: `${app}/`, nonce: other, prompt: value }).toString()}`,
      `${auth}/logout?${new URLSearchParams({ return_url: value }).toString()}`,
      `${app}/.gatehouse/login?${new URLSearchParams({ return_path: value }).toString()}`,
      `${app}/.gatehouse/session?${new URLSearchParams({ ticket: value }).toString()}`,
    ]
    await fc.assert(
      fc.asyncProperty(hostile, fc.oneof(fc.constant("A".repeat(43)), hostile), async (value, other) => {
        for (const url of targets(value, other)) {
          const page = await who.open(url)
          expect([url, page.status < 500]).toEqual([url, true])
          expect([url, [undefined, app, auth].includes(page.location?.origin)]).toEqual([url, true])
          expect(page.text).not.toContain("<b>")
        }
      }),
      { numRuns: 40 },
    )
  })
})
