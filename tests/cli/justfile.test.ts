import { describe, expect, test } from "vitest"
import { bindParameters, parseArguments } from "../../src/cli/arguments.ts"
import { endpoints } from "../../src/api/endpoint-table.ts"
import { execFileSync } from "node:child_process"
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
    { parameters: { name: string; default: string | null; kind: string }[]; attributes: unknown }
  >
}

describe("just/manage.just", () => {
  test("is what the recipe table says: `node src/cli.ts recipes > just/manage.just`", () => {
    expect(readFileSync(join(root, "just/manage.just"), "utf8")).toBe(manageJust(recipes))
  })

  test("gives just every recipe of the specification, with its arguments in their order", () => {
    const dump = JSON.parse(
      execFileSync(join(root, "node_modules/.bin/just"), ["--dump", "--dump-format", "json"], { cwd: root }).toString(),
    ) as Dump
    for (const line of specified.trim().split("\n")) {
      const [name, ...parameters] = line.split(" ")
      const recipe = dump.recipes[name!]
      expect(recipe, name).toBeDefined()
      const signature = recipe!.parameters
        .filter(({ kind }) => kind === "singular")
        .map((parameter) => (parameter.default === null ? `<${parameter.name}>` : `[${parameter.name}]`))
      expect(signature, name).toEqual(parameters)
    }
  })
})

/** The argument list that just hands to a recipe's command: what was given in order, then the defaults of the rest. */
function handedOver(text: string, name: string, given: readonly string[]): string[] {
  const signature = new RegExp(`^${name} (.*):`, "m").exec(text)![1]!
  const declared = [...signature.matchAll(/([a-z-]+)(?:="([^"]*)")?(?= |$)/g)].filter(
    ([whole]) => !signature.includes(`*${whole}`),
  )
  return [...given, ...declared.slice(given.length).map(([, , fallback]) => fallback!)]
}

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
