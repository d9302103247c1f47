import { ApiFailure, operation } from "../client.ts"
import { CliFailure } from "../failure.ts"
import type { Recipe } from "../recipe.ts"
import { showText } from "../log-text.ts"
import type { Session } from "../session.ts"

/** A kind of records with names, and the operation whose path takes such a name: its schema is the rule. */
interface Kind {
  readonly kind: string
  readonly list: string
  readonly collection: string
  readonly field: string
  readonly show: string
  readonly parameter: string
}

const kinds: readonly Kind[] = [
  {
    kind: "service",
    list: "listServices",
    collection: "services",
    field: "service_name",
    show: "getService",
    parameter: "name",
  },
  {
    kind: "instance",
    list: "listInstances",
    collection: "instances",
    field: "name",
    show: "getInstance",
    parameter: "name",
  },
  {
    kind: "route",
    list: "listRoutes",
    collection: "routes",
    field: "route_id",
    show: "getRoute",
    parameter: "route_id",
  },
  {
    kind: "proxy",
    list: "listProxies",
    collection: "targets",
    field: "hostname",
    show: "getProxy",
    parameter: "hostname",
  },
  {
    kind: "certificate",
    list: "listCertificates",
    collection: "certificates",
    field: "cert_name",
    show: "getCertificate",
    parameter: "cert_name",
  },
]

interface Misnamed {
  readonly kind: string
  readonly name: string
  /** Undefined: the name of such a record cannot be changed. */
  readonly becomes: string | undefined
}

/** Would a new record be allowed this name, just as it is? */
function allowed({ show, parameter }: Kind, name: string): boolean {
  const parsed = operation(show)?.params?.safeParse({ [parameter]: name })
  return parsed?.success === true && parsed.data[parameter] === name
}

/** The nearest name that the rule allows and nobody has. */
export function nearestName(name: string, taken: ReadonlySet<string>): string {
  const letters = name
    .toLowerCase()
    .replaceAll(/[^a-z0-9_-]+/g, "-")
    .replaceAll(/^[_-]+|[_-]+$/g, "")
    .slice(0, 60)
  const base = letters === "" ? "unnamed" : letters
  for (let number = 1; ; number += 1) {
    const candidate = number === 1 ? base : `${base}-${number}`
    if (!taken.has(candidate)) return candidate
  }
}

async function misnamed(session: Session, token: string | undefined): Promise<Misnamed[]> {
  const found: Misnamed[] = []
  for (const kind of kinds) {
    const { body } = await session.list(kind.list, kind.collection, { token })
    const names = (body[kind.collection] as Record<string, string>[]).map((record) => record[kind.field]!)
    const taken = new Set(names)
    for (const name of names.filter((each) => !allowed(kind, each))) {
      const becomes = kind.kind === "instance" ? nearestName(name, taken) : undefined
      if (becomes !== undefined) taken.add(becomes)
      found.push({ kind: kind.kind, name, becomes })
    }
  }
  return found
}

const migrate: Recipe = {
  name: "migrate-service-names",
  group: "maintenance",
  doc: "Find records whose names today's rules would refuse, and rename them; what leads to them follows. Asks first",
  parameters: [],
  async run(session) {
    const token = await session.token("")
    const found = await misnamed(session, token)
    const report = (renamed: readonly Misnamed[], left: readonly Misnamed[]) => {
      const body = { renamed: renamed.map(({ kind, name, becomes }) => ({ kind, name, becomes })), left }
      session.show({ body, text: JSON.stringify(body) })
    }
    const [able, unable] = [found.filter(hasNew), found.filter((record) => !hasNew(record))]
    if (found.length === 0) {
      const body = { renamed: [], left: [] }
      return showText(session, { body, text: JSON.stringify(body) }, () => ["every name is as today's rules ask"])
    }
    for (const { kind, name } of unable)
      session.terminal.error(`${kind} ${name}: its name cannot be changed; make it anew under another one\n`)
    if (able.length > 0) {
      const plan = able.map(({ kind, name, becomes }) => `  ${kind}: ${name} → ${becomes}`)
      await session.confirm(`These will be renamed:\n${plan.join("\n")}`)
    }
    const renamed: Misnamed[] = []
    for (const record of able) {
      await rename(session, record, token)
      renamed.push(record)
    }
    report(renamed, unable)
    if (unable.length > 0) throw new CliFailure("apiError", `invalid_state: ${unable.length} records keep their names`)
  },
}

type Renamed = Misnamed & { readonly becomes: string }
const hasNew = (record: Misnamed): record is Renamed => record.becomes !== undefined

async function rename(session: Session, { name, becomes }: Renamed, token: string | undefined): Promise<void> {
  try {
    await session.call("updateInstance", { params: { name }, body: { name: becomes }, token })
  } catch (error) {
    if (error instanceof ApiFailure) session.terminal.error(`${name} could not become ${becomes}\n`)
    throw error
  }
}

/** Recipes that bring records of earlier versions up to date. */
export const migrateRecipes: readonly Recipe[] = [migrate]
