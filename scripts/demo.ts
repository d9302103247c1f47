// An MCP server behind OAuth, and one real call to it: node scripts/demo.ts up|down [--yes] [--hosts=/etc/hosts]
import { lookup } from "node:dns/promises"
import { rmSync, writeFileSync } from "node:fs"
import { join } from "node:path"
import { createInterface } from "node:readline/promises"
import { parseArgs } from "node:util"
import { authority, ConfigError, loadConfig, readEnvironment, type Config } from "../src/platform/config.ts"
import { withNames, withoutNames } from "./demo/hosts-file.ts"
import { startMcpServer, stopMcpServer } from "./demo/mcp-server.ts"
import { adminApi } from "./admin-api.ts"
import { demo, provision, unprovision } from "./demo/provision.ts"
import { readText } from "./stack/environment-file.ts"
import { loopbackAgent } from "./mcp-client/browser.ts"
import { signedInSession, textOf } from "./mcp-client/session.ts"
import { signIn } from "./mcp-client/sign-in.ts"
import { openHome, type Home } from "./stack/home.ts"
import { isReady } from "./stack/native.ts"
import { Refusal } from "./stack/refusal.ts"

const { values: flags } = parseArgs({
  args: process.argv.slice(3),
  options: { yes: { type: "boolean" }, hosts: { type: "string", default: "/etc/hosts" } },
})
const hostsFile = flags.hosts

async function up(config: Config, home: Home, token: string): Promise<void> {
  const oauthHost = `auth.${config.BASE_DOMAIN}`
  const url = `https://${authority(demo.hostname, config.publicHttpsPort)}/mcp`
  await nameThisMachine([demo.hostname, oauthHost])
  const target = await startMcpServer(home)
  console.log(`MCP server    ${target} (this machine only), log in ${home.log}/demo.log`)
  const made = await provision(adminApi(config.API_PORT, token), target, oauthHost)
  const ca = join(home.root, "demo-ca.pem")
  writeFileSync(ca, made.ca)
  console.log(`Proxy         ${url}
Signs in at   https://${config.oauthAuthority}

Trust the CA    its certificate is in ${ca}
  Node.js       export NODE_EXTRA_CA_CERTS=${ca}
  Debian        cp ${ca} /usr/local/share/ca-certificates/gatehouse-demo.crt && update-ca-certificates
  browser       import it in the settings, under certificate authorities
Connect a client, and where it asks sign in with the token of: just token-show ${demo.token}
  Claude Code   NODE_EXTRA_CA_CERTS=${ca} claude mcp add --transport http gatehouse-demo ${url}
  any other     NODE_EXTRA_CA_CERTS=${ca} npx -y mcp-remote ${url}
  curl          curl --cacert ${ca} -i -X POST ${url}      (401, and where to go)
Take it away    just demo-down
`)
  const dispatcher = loopbackAgent(made.ca)
  try {
    const login = signIn(dispatcher, made.token)
    const client = await signedInSession(new URL(url), login)
    const { tools } = await client.listTools()
    const result = await client.callTool({ name: "get-sum", arguments: { a: 19, b: 23 } })
    await client.close()
    console.log(`One call with the official client, which knew nothing but ${url}
${login.steps.map((step) => `  ${step}`).join("\n")}
  ${tools.length} tools; get-sum with a=19 and b=23 answered: ${textOf(result)}`)
  } finally {
    await dispatcher.close()
  }
}

async function down(config: Config, home: Home, token: string): Promise<void> {
  const stopped = await stopMcpServer(home)
  if (await isReady(config.API_PORT)) await unprovision(adminApi(config.API_PORT, token))
  else console.log("Gatehouse does not run: its proxy, certificate and token `demo` stay")
  rmSync(join(home.root, "demo-ca.pem"), { force: true })
  const text = readText(hostsFile) ?? ""
  if (withoutNames(text) !== text) writeHosts(withoutNames(text))
  console.log(stopped ? "The demo is gone." : "The demo did not run; what was left of it is gone.")
}

/** Node.js, unlike curl and browsers, asks the system for *.localhost, and a plain Debian knows no such name. */
async function nameThisMachine(names: readonly string[]): Promise<void> {
  const known = await Promise.all(names.map(leadsHere))
  if (known.every(Boolean)) return
  const line = `127.0.0.1 ${names.join(" ")}`
  if (!(await mayWrite(line))) console.log(`Clients on Node.js will need this line in ${hostsFile}: ${line}`)
  else if (writeHosts(withNames(readText(hostsFile) ?? "", names))) console.log(`${hostsFile}: added ${line}`)
}

async function leadsHere(name: string): Promise<boolean> {
  try {
    return /^(127\.|::1$)/.test((await lookup(name)).address)
  } catch (error) {
    if (["ENOTFOUND", "EAI_AGAIN"].includes((error as NodeJS.ErrnoException).code ?? "")) return false
    throw error
  }
}

async function mayWrite(line: string): Promise<boolean> {
  if (flags.yes === true) return true
  if (!process.stdin.isTTY) return false
  const terminal = createInterface({ input: process.stdin, output: process.stderr })
  const answer = await terminal.question(`Add "${line}" to ${hostsFile}, so that clients on Node.js find it? [y/N] `)
  terminal.close()
  return /^y(es)?$/i.test(answer.trim())
}

/** Written in place: in a container the file is a mount and cannot be replaced. */
function writeHosts(text: string): boolean {
  try {
    writeFileSync(hostsFile, text)
    return true
  } catch (error) {
    if (!["EACCES", "EPERM", "EROFS"].includes((error as NodeJS.ErrnoException).code ?? "")) throw error
    console.log(`${hostsFile} can be changed by root alone; change it by hand (marked lines: Gatehouse demo)`)
    return false
  }
}

try {
  const env = readEnvironment()
  const config = loadConfig(env)
  const home = openHome(config.GATEHOUSE_HOME)
  if (config.ADMIN_TOKEN === undefined) throw new Refusal("the demo needs ADMIN_TOKEN: just generate-admin-token")
  if (process.argv[2] === "down") await down(config, home, config.ADMIN_TOKEN)
  else await up(config, home, config.ADMIN_TOKEN)
} catch (error) {
  if (!(error instanceof Refusal || error instanceof ConfigError)) throw error
  console.error(`gatehouse: ${error.message}`)
  process.exitCode = 1
}
