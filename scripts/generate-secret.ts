// Puts a new secret into .env: node scripts/generate-secret.ts ADMIN_TOKEN|OAUTH_JWT_PRIVATE_KEY_B64 [--yes]
// Asks before it replaces one; where nobody can be asked, it refuses with status 3. The value is not printed.
import { createInterface } from "node:readline/promises"
import { parseEnv } from "node:util"
import { readEnvironment } from "../src/platform/config.ts"
import { adminToken, readText, signingKey, withVariable, writeSecretFile } from "./stack/environment-file.ts"

const [name = "", ...flags] = process.argv.slice(2)
const makers: Record<string, () => string> = {
  ADMIN_TOKEN: adminToken,
  OAUTH_JWT_PRIVATE_KEY_B64: () => signingKey(readEnvironment()["OAUTH_JWT_ALGORITHM"]),
}

async function mayReplace(file: string): Promise<boolean> {
  if (flags.some((flag) => ["--yes", "force=true", "force"].includes(flag))) return true
  if (!process.stdin.isTTY) return false
  const terminal = createInterface({ input: process.stdin, output: process.stderr })
  const answer = await terminal.question(`Replace ${name} in ${file}? What used the old one stops working. [y/N] `)
  terminal.close()
  return /^y(es)?$/i.test(answer.trim())
}

const make = makers[name]
if (make === undefined) throw new Error(`give one of ${Object.keys(makers).join(", ")}`)
const file = process.env["GATEHOUSE_ENV_FILE"] ?? ".env"
const text = readText(file) ?? ""
if ((parseEnv(text)[name] ?? "") !== "" && !(await mayReplace(file))) {
  console.error(`${file} already has ${name}; it stays (--yes replaces it)`)
  process.exitCode = 3
} else {
  writeSecretFile(file, withVariable(text, name, make()))
  console.log(`${name} is in ${file}. A running Gatehouse takes it over with: just restart`)
  if (process.env[name] !== undefined) console.error(`but the environment also has ${name}, and it wins over ${file}`)
}
