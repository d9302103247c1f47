import {
  ConfigError,
  configWarnings,
  isSecret,
  loadConfig,
  readEnvironment,
  variables,
} from "../../src/platform/config.ts"
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
  ])("names the variable of %j, and nothing of a secret", (env, name) => {
    const reason = reasonOf(env)
    expect(reason).toContain(`${name}:`)
    const [value] = Object.values(env)
    if (isSecret(name)) expect(reason).not.toContain(value)
  })

  it.each([
    [{ HTTP_PORT: "0x50" }, 'HTTP_PORT: must be a whole number from 0 to 65535, not "0x50"'],
    [{ RSA_KEY_SIZE: "1024" }, 'RSA_KEY_SIZE: must be a whole number, 2048 or more, not "1024"'],
    [{ PROXY_CONNECT_TIMEOUT: "1e9" }, 'PROXY_CONNECT_TIMEOUT: must be a whole number from 1 to 2000000, not "1e9"'],
    [{ ACME_POLL_INTERVAL_SECONDS: "0" }, 'ACME_POLL_INTERVAL_SECONDS: must be a number from 0.05 to 2000000, not "0"'],
    [{ LOG_LEVEL: "loud" }, 'LOG_LEVEL: must be DEBUG, INFO, WARNING, ERROR or CRITICAL, not "loud"'],
    [{ ADMIN_TOKEN: "short" }, "ADMIN_TOKEN: must have at least 16 characters, not ********"],
    [{ REDIS_URL: "redis//:secret@x" }, "REDIS_URL: must be a URL such as redis://:password@host:6379/0, not ********"],
    [
      { ACME_DIRECTORY_URL: "ftp://me:secret@ca.test/x" },
      'ACME_DIRECTORY_URL: must be a URL such as https://example.com/path, not "ftp://me:********@ca.test/x"',
    ],
    [
      { ADMIN_SOURCES: "10.0.0.0/8,10.0.0.0/33" },
      "ADMIN_SOURCES: must be ranges of addresses such as 10.0.0.0/8 between",
    ],
    [
      { TRUSTED_PROXIES: "proxy.test" },
      "TRUSTED_PROXIES: must be ranges of addresses such as 10.0.0.0/8 between commas",
    ],
    [{ TARGET_ALLOW_CIDRS: "10.0.0.0/" }, "TARGET_ALLOW_CIDRS: must be ranges of addresses such as 10.0.0.0/8 between"],
    [
      { ADMIN_HOSTS: "admin.test,https://x" },
      'ADMIN_HOSTS: must be host names between commas, not "admin.test,https://x"',
    ],
    [{ BASE_DOMAIN: "a..test" }, 'BASE_DOMAIN: must be a host name, not "a..test"'],
    [{ DOCKER_HOST: "/var/run/docker.sock" }, "DOCKER_HOST: must be unix:///path or tcp://host:port, not"],
    [{ CHECKPOINT_TRUSTED_KEYS: "YWJj" }, 'CHECKPOINT_TRUSTED_KEYS: must be 32 bytes each, in base64url, not "YWJj"'],
    [{ SELF_SIGNED_DAYS: "\u001b[2J\u202e" }, 'must be a whole number, 1 or more, not "\\u001b[2J?"'],
  ])("says of %j what is expected, and what is there unless that is a secret", (env, text) => {
    expect(reasonOf(env)).toContain(text)
    expect(reasonOf(env)).not.toMatch(/secret[^s]|short/)
  })

  it("never repeats the words of the library that reads it", () => {
    const nonsense = ["-5", "1.5", "a b", "{}", "http:/x y", "999999999999999999"]
    const said = Object.keys(variables).flatMap((name) => nonsense.map((value) => reasonOf({ [name]: value })))
    const lines = said
      .filter((text) => text !== "accepted")
      .flatMap((text) => text.split("\n").slice(text.startsWith("the") ? 1 : 0))
    expect(lines.length).toBeGreaterThan(200)
    for (const line of lines) expect(line).toMatch(/^  [A-Z_0-9, ]+: (must|is|are|every|no name) [^A-Z]*/)
    expect(lines.filter((line) => /invalid|expected|too (small|big)|received/i.test(line))).toEqual([])
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
