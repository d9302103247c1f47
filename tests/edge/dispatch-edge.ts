import { afterAll, beforeAll, beforeEach } from "vitest"
import { rawExchange } from "../support/raw-client.ts"
import { type Recorder, recorder } from "../support/recorder.ts"
import { type TestEdge, openGuard, testEdge } from "../support/edge.ts"
import type { Caller } from "../../src/edge/exchange.ts"

export let upstream: Recorder
export let edge: TestEdge
export const callers: (Caller & { url: string | undefined })[] = []

export const request = (host: string, path = "/", { method = "GET", headers = "" } = {}) =>
  `${method} ${path} HTTP/1.1\r\nHost: ${host}\r\n${headers}Connection: close\r\n\r\n`

export const http = (...args: Parameters<typeof request>) => rawExchange(edge.httpPort, request(...args))
export const https = (...args: Parameters<typeof request>) => rawExchange(edge.httpsPort, request(...args), null)
export const bodyOf = (text: string) => text.slice(text.indexOf("\r\n\r\n") + 4)
export const codeOf = (text: string) => (JSON.parse(bodyOf(text)) as { code: string }).code

/** Starts an edge with every kind of host before the tests of a file, and stops it after. */
export function dispatchEdge(): void {
  beforeAll(async () => {
    upstream = await recorder()
    edge = await testEdge(
      {
        BASE_DOMAIN: "gate.test",
        ADMIN_HOSTS: "admin.test",
        PUBLIC_HTTPS_PORT: "8443",
        TRUSTED_PROXIES: "127.0.0.1",
        ADMIN_SOURCES: "127.0.0.0/8",
      },
      {
        guard: {
          ...openGuard,
          check: (_, { path }) => {
            if (path === "/throws") throw new Error("a fault inside")
            return path === "/secret"
              ? {
                  pass: false,
                  status: 401,
                  headers: ["WWW-Authenticate", 'Bearer realm="x"'],
                  body: "who?",
                  reason: "no_credential",
                }
              : {
                  pass: true,
                  headers: [],
                  protected: false,
                  identity: { subject: "u1", clientId: "c1", grantId: "g", expires: 4_000_000_000 },
                  ...(path === "/browser" && {
                    cors: ["Access-Control-Allow-Origin", "https://app.test", "Vary", "Origin"],
                  }),
                }
          },
        },
        metadata: (proxy, method, path) =>
          path === "/.well-known/oauth-protected-resource"
            ? {
                status: method === "OPTIONS" ? 204 : 200,
                headers: ["Content-Type", "application/json"],
                body: method === "OPTIONS" ? "" : `{"for":"${proxy.hostname}"}`,
              }
            : undefined,
        oauth(req, res, caller) {
          callers.push({ ...caller, url: req.url })
          if (req.url?.startsWith("/noted") === true)
            caller.note({ reason: "invalid_grant", client_id: "c9", subject: "u9", grant_id: "g9" })
          res.end("oauth")
        },
        admin(req, res, caller) {
          callers.push({ ...caller, url: req.url })
          res.end("admin")
        },
      },
    )
    edge.proxy("a.test", upstream.port)
    edge.proxy("https-only.test", upstream.port, { enable_http: false })
    edge.proxy("http-only.test", upstream.port, { enable_https: false })
    edge.proxy("off.test", upstream.port, { enabled: false })
    edge.projections.append("certificate", "c", "CertificateRequested", {
      cert_name: "c",
      domains: ["new.test"],
      email: null,
      issuer: "acme",
      acme_directory_url: "https://ca.test/dir",
      environment: "production",
      key_type: "rsa",
      owner: "alice",
    })
    edge.projections.append("certificate", "c", "CertificateChallengePublished", {
      domain: "new.test",
      token: "tok-1",
      key_authorization: "tok-1.key",
    })
  })
  afterAll(async () => {
    await edge.close(0)
    await upstream.close()
  })
  beforeEach(() => {
    upstream.reset()
    callers.length = 0
  })
}
