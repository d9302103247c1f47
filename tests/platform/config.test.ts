import { ConfigError, configWarnings, loadConfig, readEnvironment } from "../../src/platform/config.ts"
import { describe, expect, it } from "vitest"
import { mkdtempSync, rmSync, writeFileSync } from "node:fs"
import { join } from "node:path"
import { tmpdir } from "node:os"

const minimal = { MASTER_KEY: Buffer.alloc(32).toString("base64"), REDIS_PASSWORD: "long enough password" }
const reasonOf = (env: Record<string, string>): string => {
  try {
    loadConfig({ ...minimal, ...env })
  } catch (error) {
    if (error instanceof ConfigError) return error.message
    throw error
  }
  return "accepted"
}

describe("the configuration", () => {
  it("follows from two secrets and defaults, and cannot be changed", () => {
    const config = loadConfig(minimal)
    expect(config).toMatchObject({
      HTTP_PORT: 80,
      HTTPS_PORT: 443,
      API_PORT: 9000,
      oauthAuthority: "auth.localhost",
      publicHttpsPort: 443,
    })
    expect(Object.isFrozen(config)).toBe(true)
    expect(loadConfig({ ...minimal, HTTPS_PORT: "8443" }).oauthAuthority).toBe("auth.localhost:8443")
    expect(loadConfig({ ...minimal, HTTPS_PORT: "8443", PUBLIC_HTTPS_PORT: "443" }).oauthAuthority).toBe(
      "auth.localhost",
    )
  })

  it.each([
    [{ HTTP_PORT: "65536" }, "HTTP_PORT"],
    [{ HTTP_PORT: "eighty" }, "HTTP_PORT"],
    [{ MASTER_KEY: "c2hvcnQ=" }, "MASTER_KEY"],
    [{ REDIS_PASSWORD: "short" }, "REDIS_PASSWORD"],
    [{ REDIS_URL: "redis://127.0.0.1:6379" }, "REDIS_URL"],
    [{ ADMIN_TOKEN: "short" }, "ADMIN_TOKEN"],
    [{ LOG_LEVEL: "LOUD" }, "LOG_LEVEL"],
    [{ MCP_RESOURCE_VALIDATION_STRICT: "perhaps" }, "MCP_RESOURCE_VALIDATION_STRICT"],
    [{ CRASH_AT: "commit.after" }, "CRASH_AT"],
    [{ RSA_KEY_SIZE: "1024" }, "RSA_KEY_SIZE"],
    [{ OAUTH_JWT_ALGORITHM: "HS256" }, "OAUTH_JWT_ALGORITHM"],
  ])("names the variable of %j and not its value", (env, name) => {
    const reason = reasonOf(env)
    expect(reason).toContain(`${name}:`)
    const [value] = Object.values(env)
    if (name.includes("TOKEN") || name.includes("PASSWORD") || name.includes("KEY")) expect(reason).not.toContain(value)
  })

  it("warns of what is ignored or in the wrong order", () => {
    const warned = (env: Record<string, string>) =>
      configWarnings(loadConfig({ ...minimal, ...env })).map(({ variable }) => variable)
    expect(warned({})).toEqual([])
    expect(warned({ OAUTH_JWT_SECRET: "x", FETCHER_NAVIGATION_TIMEOUT: "30" })).toEqual([
      "OAUTH_JWT_SECRET",
      "FETCHER_NAVIGATION_TIMEOUT",
    ])
  })
})

describe("the environment", () => {
  it("wins over the file, and an empty value counts as unset", () => {
    const dir = mkdtempSync(join(tmpdir(), "gatehouse-env-"))
    const file = join(dir, ".env")
    writeFileSync(file, "HTTP_PORT=8080\nHTTPS_PORT=8443\nADMIN_EMAIL=\n")
    expect(readEnvironment({ GATEHOUSE_ENV_FILE: file, HTTP_PORT: "9090" })).toEqual({
      GATEHOUSE_ENV_FILE: file,
      HTTP_PORT: "9090",
      HTTPS_PORT: "8443",
    })
    rmSync(dir, { recursive: true })
    expect(readEnvironment({ GATEHOUSE_ENV_FILE: file })).toEqual({ GATEHOUSE_ENV_FILE: file })
  })
})
