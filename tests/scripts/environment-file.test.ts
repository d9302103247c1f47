import { chmodSync, mkdtempSync, readFileSync, rmSync, statSync, symlinkSync, writeFileSync } from "node:fs"
import { createPrivateKey } from "node:crypto"
import { tmpdir } from "node:os"
import { join } from "node:path"
import { parseEnv } from "node:util"
import { afterEach, beforeEach, describe, expect, it } from "vitest"
import {
  completeEnvironment,
  ensureEnvironmentFile,
  signingKey,
  withVariable,
  writeSecretFile,
} from "../../scripts/stack/environment-file.ts"
import { loadConfig } from "../../src/platform/config.ts"

describe("a new .env", () => {
  const { text, added } = completeEnvironment(undefined, {}, false)
  const values = parseEnv(text) as Record<string, string>

  it("holds every secret, strong, and is a usable configuration", () => {
    expect(added).toEqual(["REDIS_PASSWORD", "MASTER_KEY", "ADMIN_TOKEN", "OAUTH_JWT_PRIVATE_KEY_B64"])
    expect(values["REDIS_PASSWORD"]).toMatch(/^[0-9a-f]{64}$/)
    expect(Buffer.from(values["MASTER_KEY"]!, "base64")).toHaveLength(32)
    expect(values["ADMIN_TOKEN"]).toMatch(/^acm_[\w-]{43}$/)
    const key = createPrivateKey(Buffer.from(values["OAUTH_JWT_PRIVATE_KEY_B64"]!, "base64"))
    expect(key.asymmetricKeyDetails?.modulusLength).toBe(2048)
    expect(() => loadConfig(values)).not.toThrow()
  })

  it("differs from the next one in every secret", () => {
    const other = parseEnv(completeEnvironment(undefined, {}, false).text)
    for (const name of added) expect(other[name]).not.toBe(values[name])
  })
})

describe("an .env that is there", () => {
  it("keeps what is set, byte for byte, and gains what is missing", () => {
    const before = '# mine\nADMIN_TOKEN="my own token 123456"\nMASTER_KEY=\nLOG_LEVEL=DEBUG'
    const { text, added } = completeEnvironment(before, {}, false)
    expect(added).toEqual(["REDIS_PASSWORD", "MASTER_KEY", "OAUTH_JWT_PRIVATE_KEY_B64"])
    expect(text).toContain('# mine\nADMIN_TOKEN="my own token 123456"\nMASTER_KEY=')
    expect(text).toContain("\nLOG_LEVEL=DEBUG\n")
    expect(text.match(/^MASTER_KEY=/gm)).toHaveLength(1)
    expect(completeEnvironment(text, {}, false)).toEqual({ text, added: [] })
  })

  it("gains nothing that the environment has, and no password for a Redis that is external", () => {
    const outside = { ADMIN_TOKEN: "x".repeat(16), REDIS_URL: "redis://:p@redis.example:6379/0" }
    expect(completeEnvironment("", outside, false).added).toEqual(["MASTER_KEY", "OAUTH_JWT_PRIVATE_KEY_B64"])
  })

  it("does not get another MASTER_KEY while there is data under the old one", () => {
    expect(() => completeEnvironment(undefined, {}, true)).toThrow("MASTER_KEY is not set, but there is data")
    const key = { MASTER_KEY: Buffer.alloc(32).toString("base64") }
    expect(completeEnvironment("", key, true).added).toEqual(["REDIS_PASSWORD"])
  })
})

describe("one variable", () => {
  it("is replaced whatever characters its value has, and others stay", () => {
    expect(withVariable("A=1\nexport B=2\nAB=3\n", "B", "$&$1$'")).toBe("A=1\nB=$&$1$'\nAB=3\n")
    expect(withVariable("# B=2", "B", "3")).toBe("# B=2\nB=3\n")
  })
})

describe("the file", () => {
  let folder: string
  beforeEach(() => {
    folder = mkdtempSync(join(tmpdir(), "gatehouse-env-"))
  })
  afterEach(() => rmSync(folder, { recursive: true }))
  const mode = (file: string) => (statSync(file).mode & 0o777).toString(8)

  it("is readable by its owner alone, also when it was not before", () => {
    const file = join(folder, ".env")
    ensureEnvironmentFile(file, {}, false)
    expect(mode(file)).toBe("600")
    chmodSync(file, 0o644)
    expect(ensureEnvironmentFile(file, {}, false)).toEqual([])
    expect(mode(file)).toBe("600")
  })

  it("may be a link, which stays one", () => {
    writeFileSync(join(folder, "real"), "A=1\n")
    symlinkSync(join(folder, "real"), join(folder, ".env"))
    writeSecretFile(join(folder, ".env"), "A=2\n")
    expect(readFileSync(join(folder, "real"), "utf8")).toBe("A=2\n")
    expect(mode(join(folder, "real"))).toBe("600")
  })
})

it("makes a signing key for each algorithm", () => {
  const kind = (algorithm: string) => createPrivateKey(Buffer.from(signingKey(algorithm), "base64")).asymmetricKeyType
  expect(["RS256", "ES256", "EdDSA"].map(kind)).toEqual(["rsa", "ec", "ed25519"])
})
