import { type Copy, newCopy } from "../support/copy.ts"
import { afterAll, beforeAll, describe, expect, it } from "vitest"
import {
  cpSync,
  mkdirSync,
  mkdtempSync,
  readFileSync,
  readdirSync,
  rmSync,
  symlinkSync,
  utimesSync,
  writeFileSync,
} from "node:fs"
import { type Example, examplesOf } from "./example.ts"
import { basename, dirname, join } from "node:path"
import { fileURLToPath } from "node:url"
import { once } from "node:events"
import { spawn } from "node:child_process"
import { tmpdir } from "node:os"

const root = join(import.meta.dirname, "../..")

/** Pages in the order of reading: the README starts Gatehouse, the page about operations replaces its data. */
const order = ["README.md", "getting-started.md"]
const last = ["operations.md"]

const pages = [
  "README.md",
  ...readdirSync(join(root, "docs"), { recursive: true, encoding: "utf8" })
    .filter((file) => file.endsWith(".md") && !/^(\.vitepress|_build|reference)\//.test(file))
    .map((file) => `docs/${file}`),
].sort((a, b) => rank(a) - rank(b) || (a < b ? -1 : 1))

function rank(page: string): number {
  const name = basename(page)
  return order.includes(name) ? order.indexOf(name) : last.includes(name) ? 1000 : 100
}

const examples = pages.map((page) => ({ page, blocks: examplesOf(page, readFileSync(join(root, page), "utf8")) }))
const runnable = examples
  .map(({ page, blocks }) => ({ page, blocks: blocks.filter(({ reason }) => reason === undefined) }))
  .filter(({ blocks }) => blocks.length > 0)

/** What the commands of a page must have printed, among other things. */
const printed: Readonly<Record<string, readonly RegExp[]>> = {
  "README.md": [
    /Gatehouse is ready/,
    /get-sum .*answered: .*42/,
    /www-authenticate: Bearer realm="tour\.localhost/i,
    /"status":"healthy"/,
  ],
  "docs/getting-started.md": [/hello\.localhost/],
  "docs/proxies-and-certificates.md": [/HTTP\/1\.1 502/, /^0 502$/m, /team/, /"b\.internal"/],
  "docs/routes.md": [/"priority":80/, /^\["\/files"\]$/m, /127\.0\.0\.1:3010/, /https:\/\/desk\.localhost\/api/],
  "docs/mcp-and-oauth.md": [
    /resource_metadata="https:\/\/notes\.localhost:\d+\/\.well-known/,
    /"issuer":"https:\/\/auth\.localhost:\d+"/,
  ],
  "docs/mcp-gateway.md": [
    /"delete_\*","move_\*"/,
    /"mcp_versions":\["2026-07-28","2025-11-25"\]/,
    /"mcp_stream_expiry":"close"/,
  ],
  "docs/web-applications.md": [
    /^HTTP\/1\.1 302[^]*^location: https:\/\/auth\.localhost(?::\d+)?\/login\?return_url=https%3A%2F%2Fwiki\.localhost/im,
    /^HTTP\/1\.1 401/m,
  ],
  "docs/administration.md": [/"dry_run":true/, /carol is deleted/, /"TokenDeleted"/, /"name":"listTokens"/],
  "docs/command-line-and-api.md": [
    /^dave$/m,
    /^\["api\.internal","started"\]\n\["api\.internal","started"\]$/m,
    /^precondition_failed$/m,
    /^\["validation_failed",/m,
  ],
  "docs/configuration-as-a-file.md": [
    /^format position digest tokens instances certificates proxies routes resources services webhooks secrets$/m,
    /^aes-256-gcm$/m,
    /^ended with 3: nobody was there to agree$/m,
    /^\["shop","shop.internal","shop-images"\]\n\[\[\],\[\],3\]$/m,
    /~ instances: shop\n +target_url: "http:\/\/93\.184\.216\.34:8080" → "http:\/\/93\.184\.216\.34:9090"/,
    /^VARIABLE +VALUE +SOURCE$/m,
    /^ended with 2$/m,
  ],
  "docs/services.md": [/^image_not_allowed$/m, /^\[422,"forbidden_option",/m],
  "docs/subscribers.md": [
    /^TokenCreated$/m,
    /InstanceRegistered +instance\//,
    /^id: 0$/m,
    /^whsec_$/m,
    /^\["delivered","fault","status"\]$/m,
    /^\[false,\["ProxyCreated","ProxyDeleted"\]\]$/m,
    /^1-0\nkind\napi-token$/m,
    /"gone","failing"/,
    /^3\.0\.0\nlog\nstream\nwebhook$/m,
  ],
  "docs/event-log.md": [
    /^refused, and recorded$/m,
    /ProxyUpdated by ADMIN .*\n {4}because: moved\n {4}~ target_url: http:\/\/93\.184\.216\.34 → http:\/\/93\.184\.216\.35/,
    /CreateProxy: REJECTED already_exists/,
    /^proxy +kiosk\.internal /m,
    /^- proxy\/kiosk\.internal deleted$/m,
    /^taken back:\n {2}create proxies kiosk\.internal/m,
    /^ {2}anyone: kiosk\.internal \(the host is gone\)$/m,
    /^would be refused: protected/m,
    /^nothing is wrong$/m,
    /^true$/m,
  ],
  "docs/operations.md": [
    /^\S+Z {2}127\.0\.0\.1 {2}(?:GET|POST) \S+ .*\d{3} \d+ B /m,
    /^\{"requests":\[\],"searched":/m,
    /^the archive ends at position \d+/m,
    /^nothing is wrong$/m,
    /"appendfsync"|appendfsync\nalways/,
    /^the state of the backup$/m,
  ],
}

/** Milliseconds for the commands of one page: the longest takes 55 s beside the whole suite, on two cores. */
const patience = 300_000

let copy: Copy
let checkout: string
beforeAll(async () => {
  checkout = mkdtempSync(join(tmpdir(), "gatehouse-docs-"))
  for (const part of ["src", "scripts", "just", "justfile", "package.json", "package-lock.json", ".env.example"])
    cpSync(join(root, part), join(checkout, part), { recursive: true })
  symlinkSync(join(root, "node_modules"), join(checkout, "node_modules"))
  // The packages are those of this tree: nothing is to be installed into them.
  utimesSync(join(checkout, "package-lock.json"), 0, 0)
  copy = await newCopy({
    GATEHOUSE_HOME: join(checkout, ".gatehouse"),
    GATEHOUSE_ENV_FILE: join(checkout, ".env"),
    HOME: checkout,
    // just itself: the package's launcher starts Node once more for each of these many recipes (tests/walk goes through it).
    PATH: `${dirname(fileURLToPath(import.meta.resolve(`rust-just-${process.platform}-${process.arch}/bin/just`)))}:${process.env["PATH"]}`,
    CURL_HOME: join(checkout, "curl"),
    NODE_COMPILE_CACHE: join(checkout, "compiled"),
  })
  const { HTTP_PORT, HTTPS_PORT, API_PORT } = copy.env
  const ports = { 80: HTTP_PORT, 443: HTTPS_PORT, 9000: API_PORT }
  mkdirSync(join(checkout, "curl"))
  // The documented ports lead to those of this copy; names lead to this machine.
  const lines = Object.entries(ports).map(([documented, own]) => `connect-to = ":${documented}:127.0.0.1:${own}"`)
  writeFileSync(join(checkout, "curl/.curlrc"), `${lines.join("\n")}\n`)
})
afterAll(async () => {
  await copy.script("demo.ts", "down", "--hosts", join(checkout, "hosts"))
  await copy.remove()
  rmSync(checkout, { recursive: true, force: true })
})

/** The blocks of a page as one script, so that a variable of one is there in the next. @returns what they printed */
async function run(blocks: readonly Example[]): Promise<string> {
  const script = blocks.map(({ page, line, commands }) => `echo "== ${page}:${line}"\n${commands}\n`).join("")
  const shell = spawn("bash", ["--norc", "-euo", "pipefail", "-c", script], {
    cwd: checkout,
    env: copy.env,
    stdio: ["ignore", "pipe", "pipe"],
    detached: true,
  })
  const text = { output: "", errors: "" }
  shell.stdout.on("data", (chunk: Buffer) => (text.output += chunk.toString()))
  shell.stderr.on("data", (chunk: Buffer) => (text.errors += chunk.toString()))
  // The whole group of processes: what a recipe started goes as well.
  const cut = setTimeout(() => process.kill(-shell.pid!, "SIGKILL"), patience - 5_000)
  // Not "exit": what the last command printed may still be on its way then.
  const [code] = (await once(shell, "close")) as [number | null]
  clearTimeout(cut)
  const tail = `${text.output.slice(-3000)}\n${text.errors.slice(-3000)}`
  if (code !== 0) throw new Error(`${blocks[0]!.page} ended with ${code ?? "a signal"}:\n${tail}`)
  return text.output
}

async function works({ page, blocks }: (typeof runnable)[number]): Promise<void> {
  const output = await run(blocks)
  for (const pattern of printed[page]!) expect(output).toMatch(pattern)
}

const [first, ...others] = runnable
const final = others.pop()

describe("the commands of", () => {
  it(`${first!.page} work as they stand there`, () => works(first!), patience)
  // They use names of their own, and the one Gatehouse that the README has started.
  it.concurrent.each(others)("$page work as they stand there", works, patience)
  it(`${final!.page} work as they stand there`, () => works(final!), patience)
})

it("every page with commands is looked at for what they print", () => {
  expect(new Set(Object.keys(printed))).toEqual(new Set(runnable.map(({ page }) => page)))
})

describe("a fence", () => {
  const page = (info: string, commands = "just up") => `text\n\`\`\`${info}\n${commands}\n\`\`\`\n`
  it.each(["", "sh norun", "sh no-run:", "sh skip: later"])("with the words %j is refused", (info) => {
    expect(() => examplesOf("p.md", page(info))).toThrow("p.md:3")
  })
  it("of another language is not run, and one with a reason is not either", () => {
    expect(examplesOf("p.md", page("json", "{}") + page("sh no-run: needs a public name") + page("sh"))).toEqual([
      { page: "p.md", line: 7, commands: "just up", reason: "needs a public name" },
      { page: "p.md", line: 11, commands: "just up", reason: undefined },
    ])
  })
})
