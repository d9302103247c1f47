import type { AdminApi } from "../admin-api.ts"
import type { Config } from "../../src/platform/config.ts"
import { Refusal } from "../stack/refusal.ts"
import { randomBytes } from "node:crypto"
import { request } from "undici"

type Settings = Pick<Config, "BASE_DOMAIN" | "HTTP_PORT" | "TEST_DOMAIN_BASE" | "TEST_EMAIL" | "TEST_PROXY_TARGET_URL">

/**
 * Makes a proxy, sends it a request over HTTP, and deletes it with its certificate.
 * @returns what was done @throws Refusal when the target does not answer through it
 */
export async function tryProxy(api: AdminApi, settings: Settings): Promise<string[]> {
  const { BASE_DOMAIN, TEST_DOMAIN_BASE = BASE_DOMAIN, TEST_EMAIL, TEST_PROXY_TARGET_URL, HTTP_PORT } = settings
  const hostname = `try-${randomBytes(4).toString("hex")}.${TEST_DOMAIN_BASE}`
  const certificate = { enable_https: true, cert_email: TEST_EMAIL, staging: true }
  await api.call("POST", "/proxy/targets", {
    hostname,
    target_url: TEST_PROXY_TARGET_URL,
    preserve_host_header: false,
    ...(TEST_EMAIL === undefined ? { enable_https: false } : certificate),
  })
  try {
    const answer = await request(`http://127.0.0.1:${HTTP_PORT}/`, { headers: { host: hostname } })
    await answer.body.dump()
    if (answer.statusCode === 404 || answer.statusCode >= 500)
      throw new Refusal(`${hostname}: status ${answer.statusCode} instead of an answer of ${TEST_PROXY_TARGET_URL}`)
    return [`${hostname} leads to ${TEST_PROXY_TARGET_URL}: ${answer.statusCode}`, "it is deleted again"]
  } finally {
    await api.call("DELETE", `/proxy/targets/${hostname}?delete_certificate=true&force=true`)
  }
}
