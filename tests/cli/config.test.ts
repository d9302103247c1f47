import { programEnvironment } from "../support/program-environment.ts"
import { execFile } from "node:child_process"
import { expect, test } from "vitest"
import { join } from "node:path"
import { mkdtempSync, rmSync, writeFileSync } from "node:fs"
import { tmpdir } from "node:os"
import { variables } from "../../src/platform/config.ts"

const cli = join(import.meta.dirname, "../../src/cli.ts")
const secrets = {
  MASTER_KEY: Buffer.alloc(32, 7).toString("base64"),
  ADMIN_TOKEN: "acm_an-administrators-token",
  GITHUB_CLIENT_SECRET: "github-secret",
  REDIS_URL: "redis://:redis-secret@redis.internal:6379/3",
}

interface Printed {
  readonly code: number
  readonly out: string
  readonly err: string
}

/** `config` as `just config` runs it, with only these variables and a file. */
function config(env: Record<string, string>, file = "", ...flags: string[]): Promise<Printed> {
  const folder = mkdtempSync(join(tmpdir(), "gatehouse-config-"))
  writeFileSync(join(folder, "env"), file)
  const whole = { ...programEnvironment(), GATEHOUSE_ENV_FILE: join(folder, "env"), ...env }
  return new Promise((resolve) => {
    execFile(process.execPath, [cli, "config", ...flags], { env: whole, cwd: folder }, (error, out, err) => {
      rmSync(folder, { recursive: true })
      resolve({ code: error === null ? 0 : Number(error.code), out, err })
    })
  })
}

const rowsOf = ({ out }: Printed) =>
  new Map(
    (JSON.parse(out) as { variables: { variable: string; value: string; source: string }[] }).variables.map(
      ({ variable, value, source }) => [variable, { value, source: source.replace(/^.*\/env$/, "file") }],
    ),
  )

test("every variable is printed with its value and where it comes from, and no secret", async () => {
  const printed = await config(
    { ...secrets, HTTPS_PORT: "8443", API_PORT: "22001", HTTP_PORT: "" },
    "HTTPS_PORT=9443\nLOG_LEVEL=debug\nOAUTH_TRUSTED_ISSUERS=sso=https://sso.example.com\nHTPS_PORT=1\n",
  )
  expect(printed.code).toBe(0)
  const rows = rowsOf(printed)
  expect([...rows.keys()]).toEqual(Object.keys(variables))
  expect(Object.fromEntries(rows)).toMatchObject({
    HTTPS_PORT: { value: "8443", source: "environment" },
    PUBLIC_HTTPS_PORT: { value: "8443", source: "default" },
    LOG_LEVEL: { value: "DEBUG", source: "file" },
    HTTP_PORT: { value: "80", source: "default" },
    BASE_URL: { value: "http://127.0.0.1:22001", source: "default" },
    OAUTH_TRUSTED_ISSUERS: { value: "sso=https://sso.example.com", source: "file" },
    MASTER_KEY: { value: "********", source: "environment" },
    REDIS_URL: { value: "redis://:********@redis.internal:6379/3", source: "environment" },
  })
  for (const secret of [...Object.values(secrets), "redis-secret"])
    expect(printed.out + printed.err).not.toContain(secret)
  expect(printed.err).toMatch(/^warning: .*env sets HTPS_PORT, which is no variable of Gatehouse$/m)
  expect((await config(secrets, "", "--output", "table")).out).toMatch(/^VARIABLE +VALUE +SOURCE$/m)
})

test("what may be a secret by its name is marked as one", () => {
  const harmless =
    /^(OAUTH_(ACCESS|REFRESH)_TOKEN_LIFETIME|MCP_MAX_RESOURCES_PER_TOKEN|EVENT_STREAMS_PER_TOKEN|CHECKPOINT_TRUSTED_KEYS|RSA_KEY_SIZE|EDGE_KEEPALIVE_TIMEOUT)$/
  const suspicious = Object.entries(variables).filter(
    ([name]) => /PASSWORD|PASSPHRASE|SECRET|TOKEN|KEY/.test(name) && !harmless.test(name),
  )
  expect(suspicious.length).toBeGreaterThan(7)
  expect(suspicious.filter(([, variable]) => variable.meta()?.["secret"] !== true).map(([name]) => name)).toEqual([])
})

test.each([
  [{ HTTP_PORT: "eighty" }, 'HTTP_PORT: must be a whole number from 0 to 65535, not "eighty"'],
  [{ API_PORT: "1.5" }, "API_PORT: must be a whole number"],
  [{ MASTER_KEY: "" }, "MASTER_KEY: is required"],
  [{ ADMIN_TOKEN: "ttt" }, "ADMIN_TOKEN: "],
  [{ OIDC_ISSUER: "http://idp.example.com" }, "OIDC_ISSUER: must be an https URL"],
])("a wrong value names its variable and why: %j", async (wrong, reason) => {
  const { code, out, err } = await config({ ...secrets, ...wrong })
  expect([code, out]).toEqual([2, ""])
  expect(err).toContain(reason)
  expect(err).not.toContain("ttt")
})
