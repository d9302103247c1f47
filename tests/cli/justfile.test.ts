import { describe, expect, test } from "vitest"
import { type Parameter, bindParameters, leftOut, parseArguments } from "../../src/cli/arguments.ts"
import { endpoints } from "../../src/api/endpoint-table.ts"
import { execFileSync, spawnSync } from "node:child_process"
import { join } from "node:path"
import { manageJust } from "../../src/cli/justfile.ts"
import { readFileSync } from "node:fs"
import { switches } from "../../src/cli/run-operation.ts"
import { recipes } from "../../src/cli/recipe-table.ts"

const root = join(import.meta.dirname, "../..")

/** Positional orders of the specification, for the groups that this command line has so far. */
const specified = `
token-generate <name> [cert-email]
token-list
token-show <name>
token-delete <name>
token-show-certs [name]
token-email-update <name> <email>
cert-create <name> <domain> <email> <token> [staging]
cert-create-multi <name> <domains> <email> <token> [staging]
cert-create-wildcard <name> <base-domain> <email> <token> [staging]
cert-delete <name> <token> [force]
cert-renew <name> <token> [force]
cert-list [token]
cert-show <name> [token] [pem]
cert-status <name> [token] [wait]
cert-to-production <name> [token]
cert-coverage <name> [token]
proxy-create <hostname> <target-url> <token> [staging] [preserve-host] [enable-http] [enable-https]
proxy-create-group <group> <hostnames> <target-url> <token> [staging] [preserve-host]
proxy-update <hostname> <token>
proxy-delete <hostname> <token> [delete-cert] [force]
proxy-enable <hostname> <token>
proxy-disable <hostname> <token>
proxy-list [token]
proxy-show <hostname>
proxy-cleanup [hostname]
cleanup-orphaned
migrate-service-names
proxy-cert-generate <hostname> <token> [staging]
proxy-cert-attach <hostname> <cert-name> <token>
proxy-auth-enable <hostname> <token> <auth-proxy> <mode>
proxy-auth-disable <hostname> <token>
proxy-auth-config <hostname> <token> [users] [emails] [groups]
proxy-auth-show <hostname>
proxy-mcp-enable <hostname> <token> [endpoint] [scopes] [stateful] [override-backend]
proxy-mcp-disable <hostname> <token>
proxy-mcp-show <hostname>
oauth-routes-setup <domain> [token]
oauth-client-register <name> [redirect-uri] [scope]
oauth-clients-list [active-only]
oauth-client-show <client-id>
oauth-client-tokens <client-id>
oauth-client-stats <client-id>
oauth-tokens-stats
oauth-token-show <jti>
oauth-tokens-cleanup
oauth-sessions-list
oauth-session-show <session-id>
oauth-session-revoke <session-id>
oauth-metrics
oauth-health
oauth-proxy-status [hostname]
oauth-test-tokens <server-url>
mcp-doctor <url> [access-token]
proxy-routes-show <hostname>
proxy-routes-mode <hostname> <token> <mode>
proxy-route-enable <hostname> <route-id> <token>
proxy-route-disable <hostname> <route-id> <token>
proxy-routes-set <hostname> <token> <enabled-routes> <disabled-routes>
route-list
route-show <route-id>
route-create <path> <target-type> <target-value> <token> [priority] [methods] [is-regex] [description]
route-update <route-id> <token>
route-delete <route-id> <token>
route-enable <route-id> <token>
route-disable <route-id> <token>
instance-list
instance-show <name>
instance-register <name> <target-url> <token> [desc]
instance-update <name> <target-url> <token> [desc]
instance-delete <name> <token>
instance-register-oauth <token>
resource-register <uri> <proxy> <name> [scopes]
resource-list
resource-show <uri>
resource-validate <uri> <token>
`

interface Dump {
  readonly recipes: Record<
    string,
    { parameters: { name: string; default: unknown; kind: string }[]; attributes: unknown }
  >
}

const isMissing = ({ default: fallback }: Parameter) => fallback === undefined

function dumped(): Dump {
  const argv = ["--dump", "--dump-format", "json"]
  return JSON.parse(execFileSync(join(root, "node_modules/.bin/just"), argv, { cwd: root }).toString()) as Dump
}

/** By itself just would end with 1 where one is left out; its recipes hand over a word that the command line knows. */
const isRequired = ({ default: fallback }: { default: unknown }) =>
  JSON.stringify(fallback) === '["variable","required"]'

describe("just/manage.just", () => {
  test("is what the recipe table says: `node src/cli.ts recipes > just/manage.just`", () => {
    expect(readFileSync(join(root, "just/manage.just"), "utf8")).toBe(manageJust(recipes))
  })

  test("gives just every recipe of the specification, with its arguments in their order", () => {
    const dump = dumped()
    for (const line of specified.trim().split("\n")) {
      const [name, ...parameters] = line.split(" ")
      const recipe = dump.recipes[name!]
      expect(recipe, name).toBeDefined()
      const signature = recipe!.parameters
        .filter(({ kind }) => kind === "singular")
        .map((parameter) => (isRequired(parameter) ? `<${parameter.name}>` : `[${parameter.name}]`))
      expect(signature, name).toEqual(parameters)
    }
  })
})

/** The argument list that just hands to a recipe's command: what was given in order, then the defaults of the rest. */
function handedOver(text: string, name: string, given: readonly string[]): string[] {
  const signature = new RegExp(`^${name} (.*):`, "m").exec(text)![1]!
  const declared = [...signature.matchAll(/(?<!\*)\b[a-z][a-z-]*=(?:"([^"]*)"|required)(?= |$)/g)]
  return [...given, ...declared.slice(given.length).map(([, fallback]) => fallback ?? leftOut)]
}

describe("a required argument that is left out", () => {
  const asking = recipes.filter(({ group, parameters }) => group !== "system" && parameters.some(isMissing))
  test.each(asking.map(({ name, parameters }) => [name, parameters] as const))(
    "is a usage error of %s",
    (name, all) => {
      const required = all.filter(isMissing).map((parameter) => `a-${parameter.name}`)
      for (const given of required.keys()) {
        const argv = handedOver(manageJust(recipes), name, required.slice(0, given))
        expect(() => bindParameters(parseArguments(argv, switches), all, [])).toThrow(
          expect.objectContaining({ exitCode: 2, message: expect.stringContaining(`${all[given]!.name} is missing`) }),
        )
      }
    },
  )

  test("is one for just too, and no recipe of it leaves that to just", () => {
    const just = (...argv: string[]) => spawnSync(join(root, "node_modules/.bin/just"), argv, { cwd: root })
    expect(just("--evaluate", "required").stdout.toString()).toBe(leftOut)
    const { recipes: known } = dumped()
    const left = Object.entries(known).filter(([, { parameters }]) =>
      parameters.some(({ default: one, kind }) => one === null && kind === "singular"),
    )
    expect(left.map(([name]) => name)).toEqual([])
    const { status, stderr } = just("token-email-update", "bob")
    expect([status, stderr.toString()]).toEqual([2, "usage: email is missing: <name> <email>\n"])
  })
})

describe("a flag in the place of an optional argument", () => {
  const flags = [["--yes"], ["--output", "json"], ["--force=false", "--timeout", "3"]]
  test.each(recipes.filter(({ group }) => group !== "system").map(({ name }) => name))(
    "does not shift those of %s",
    (name) => {
      const { parameters } = recipes.find((recipe) => recipe.name === name)!
      const required = parameters
        .filter((parameter) => parameter.default === undefined)
        .map((parameter) => `a-${parameter.name}`)
      const bound = (given: readonly string[]) =>
        bindParameters(parseArguments(handedOver(manageJust(recipes), name, given), switches), parameters, [])
      for (const extra of flags) expect(bound([...required, ...extra]), extra.join(" ")).toEqual(bound(required))
    },
  )
})

test("no recipe has the name of an operation", () => {
  const operations = new Set(endpoints.map(({ operationId }) => operationId))
  expect(recipes.filter(({ name }) => operations.has(name))).toEqual([])
})
