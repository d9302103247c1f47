import { type Recipe, argument, required } from "../recipe.ts"
import { CliFailure } from "../failure.ts"
import type { Session } from "../session.ts"
import { readFileSync } from "node:fs"
import { truth } from "../arguments.ts"

const group = "maintenance"

/** `key=value` of these keys. @throws CliFailure usage */
function choices(options: readonly string[], keys: readonly string[]): Map<string, string> {
  return new Map(
    options
      .filter((option) => option !== "")
      .map((option): [string, string] => {
        const [, key, value] = /^([a-z]+)=(.*)$/s.exec(option) ?? []
        if (key === undefined || !keys.includes(key))
          throw new CliFailure("usage", `usage: ${option}: give ${keys.map((name) => `${name}=…`).join(" or ")}`)
        return [key, value!]
      }),
  )
}

/** From EXPORT_PASSPHRASE, or from whoever is there: never from the command line, which others on the machine can read. */
async function passphrase({ terminal }: Session): Promise<string> {
  const given = terminal.env["EXPORT_PASSPHRASE"]
  if (given !== undefined) return given
  if (terminal.interactiveInput) return terminal.ask("Passphrase for the secrets, 12 characters or more: ")
  throw new CliFailure("usage", "usage: set EXPORT_PASSPHRASE to the passphrase for the secrets")
}

const exportAll: Recipe = {
  name: "export",
  group,
  doc: "Print everything that is wanted as a document for `apply`: kinds=proxies,routes; secrets=true, sealed under EXPORT_PASSPHRASE",
  parameters: [],
  options: true,
  async run(session, _args, options) {
    const given = choices(options, ["kinds", "secrets"])
    const include_secrets = truth("secrets", given.get("secrets") ?? "false")
    const query = { include_secrets, ...(given.has("kinds") && { kinds: given.get("kinds")! }) }
    const input = { token: await session.token(""), query }
    const sealed = include_secrets ? { ...input, passphrase: await passphrase(session) } : input
    const { body } = await session.call("exportConfiguration", sealed)
    session.terminal.write(`${JSON.stringify(body, undefined, 2)}\n`)
  },
}

interface Named {
  readonly kind: string
  readonly name: string
}

interface Report {
  readonly create: readonly Named[]
  readonly update: readonly (Named & { changes: { field: string; from: unknown; to: unknown }[] })[]
  readonly delete: readonly Named[]
  readonly errors: readonly (Named & { code: string; detail: string })[]
}

/** The plan as lines of a diff. */
function diff({ create, update, delete: gone }: Report): string[] {
  return [
    ...create.map(({ kind, name }) => `  + ${kind}: ${name}`),
    ...update.flatMap(({ kind, name, changes }) => [
      `  ~ ${kind}: ${name}`,
      ...changes.map(({ field, from, to }) => `      ${field}: ${JSON.stringify(from)} → ${JSON.stringify(to)}`),
    ]),
    ...gone.map(({ kind, name }) => `  - ${kind}: ${name}`),
  ]
}

function refuse(session: Session, { errors }: Report): void {
  if (errors.length === 0) return
  for (const { kind, name, code, detail } of errors) session.terminal.error(`${kind}: ${name}: ${code}: ${detail}\n`)
  throw new CliFailure("apiError", `${errors[0]!.code}: ${errors[0]!.detail}`)
}

function documentIn(file: string): { secrets?: object | null } {
  try {
    return JSON.parse(readFileSync(file === "-" ? 0 : file, "utf8")) as { secrets?: object | null }
  } catch (error) {
    const why = error instanceof SyntaxError ? "is not JSON" : `cannot be read: ${(error as Error).message}`
    throw new CliFailure("usage", `usage: ${file} ${why}`)
  }
}

const apply: Recipe = {
  name: "apply",
  group,
  doc: "Make everything what a document says; shows what changes and asks. prune=true also removes what the document leaves out",
  parameters: [required("file")],
  options: true,
  async run(session, args, options) {
    const prune = truth("prune", choices(options, ["prune"]).get("prune") ?? "false")
    const body = documentIn(argument(args, "file"))
    const sealed = (body.secrets ?? null) !== null
    const input = { token: await session.token(""), body, ...(sealed && { passphrase: await passphrase(session) }) }
    const plan = await session.call("applyConfiguration", { ...input, query: { dry_run: true, prune } })
    const report = plan.body as unknown as Report
    const lines = diff(report)
    if (report.errors.length > 0 && lines.length > 0) session.terminal.error(`${lines.join("\n")}\n`)
    refuse(session, report)
    if (lines.length === 0) return session.show(plan)
    await session.confirm(`This will be changed:\n${lines.join("\n")}`)
    const done = await session.call("applyConfiguration", { ...input, query: { dry_run: false, prune } })
    session.show(done)
    refuse(session, done.body as unknown as Report)
  },
}

/** Recipes that move everything that is wanted in and out. */
export const configurationRecipes: readonly Recipe[] = [exportAll, apply]
