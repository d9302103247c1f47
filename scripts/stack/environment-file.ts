import { generateKeyPairSync, randomBytes } from "node:crypto"
import { chmodSync, readFileSync, realpathSync, renameSync, statSync, writeFileSync } from "node:fs"
import { parseEnv } from "node:util"

/** A first signing key for access tokens: PKCS #8 PEM in base64. */
export function signingKey(algorithm = "RS256"): string {
  const { privateKey } =
    algorithm === "EdDSA"
      ? generateKeyPairSync("ed25519")
      : algorithm === "ES256"
        ? generateKeyPairSync("ec", { namedCurve: "P-256" })
        : generateKeyPairSync("rsa", { modulusLength: 2048 })
  return Buffer.from(privateKey.export({ type: "pkcs8", format: "pem" }).toString()).toString("base64")
}

/** A new API token: 256 random bits. */
export const adminToken = (): string => `acm_${randomBytes(32).toString("base64url")}`

/** Every secret of a new copy and how it is made. */
const secrets = {
  REDIS_PASSWORD: () => randomBytes(32).toString("hex"),
  MASTER_KEY: () => randomBytes(32).toString("base64"),
  ADMIN_TOKEN: adminToken,
  OAUTH_JWT_PRIVATE_KEY_B64: () => signingKey(),
} satisfies Record<string, () => string>

const header = `# Secrets and settings of this copy of Gatehouse. Variables of the environment win over this file.
# Without MASTER_KEY the stored secrets cannot be read: keep a copy of it in another place than the data.
# All variables with their defaults: .env.example
`

/** The text with `name` set to `value`: its line replaced, or a line added at the end. */
export function withVariable(text: string, name: string, value: string): string {
  const line = new RegExp(`^(?:export )?${name}=.*$`, "m")
  if (line.test(text)) return text.replace(line, () => `${name}=${value}`)
  return `${text}${text === "" || text.endsWith("\n") ? "" : "\n"}${name}=${value}\n`
}

/**
 * Adds the secrets that a start needs and that neither the text nor the environment has. Nothing that is set is changed.
 * @param text content of `.env`; undefined when there is none
 * @param outside variables of the environment
 * @param used the copy already holds data, so that secrets which the data depends on must not be made anew
 * @throws Error when data is there and MASTER_KEY is not
 */
export function completeEnvironment(
  text: string | undefined,
  outside: Readonly<Record<string, string | undefined>>,
  used: boolean,
): { readonly text: string; readonly added: readonly string[] } {
  const inside = parseEnv(text ?? "")
  const set = (name: string) => (outside[name] || inside[name] || "") !== ""
  const external = set("REDIS_URL")
  if (used && !set("MASTER_KEY"))
    throw new Error(
      "MASTER_KEY is not set, but there is data that was encrypted with one: restore the .env of that data",
    )
  const added = (Object.keys(secrets) as (keyof typeof secrets)[]).filter((name) => {
    if (set(name) || (name === "REDIS_PASSWORD" && external)) return false
    return !used || name === "REDIS_PASSWORD" || name === "MASTER_KEY"
  })
  return { text: added.reduce((so, name) => withVariable(so, name, secrets[name]()), text ?? header), added }
}

/** Content of the file; undefined when there is none. */
export function readText(file: string): string | undefined {
  try {
    return readFileSync(file, "utf8")
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code === "ENOENT") return undefined
    throw error
  }
}

/** Replaces a file in one step, readable by its owner alone. A link is followed. */
export function writeSecretFile(file: string, text: string): void {
  const target = readText(file) === undefined ? file : realpathSync(file)
  writeFileSync(`${target}.new`, text, { mode: 0o600, flush: true })
  renameSync(`${target}.new`, target)
}

/**
 * Makes `.env` fit for a start, see {@link completeEnvironment}, and its mode 0600.
 * @returns names of the variables that were added
 */
export function ensureEnvironmentFile(
  file: string,
  outside: Readonly<Record<string, string | undefined>>,
  used: boolean,
): readonly string[] {
  const before = readText(file)
  const { text, added } = completeEnvironment(before, outside, used)
  if (added.length > 0) writeSecretFile(file, text)
  else if (before !== undefined && (statSync(file).mode & 0o077) !== 0) chmodSync(file, 0o600)
  return added
}
