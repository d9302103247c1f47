import { type Recipe, argument, optional } from "../recipe.ts"
import { CliFailure } from "../failure.ts"
import { showText } from "../log-text.ts"
import type { Session } from "../session.ts"

interface Found {
  readonly name: string
  readonly reason: string
}

/** The plan in lines: one for each thing that goes, and why. */
function planOf(body: Readonly<Record<string, unknown>>): string {
  const { services, oauth, ...records } = body["found"] as {
    services: { container_id: string; service: string }[]
    oauth: Record<string, number> | null
  } & Record<string, unknown>
  const lines = [
    ...Object.entries(records as Record<string, Found[]>).flatMap(([kind, found]) =>
      found.map(({ name, reason }) => `  ${kind}: ${name}: ${reason}`),
    ),
    ...services.map(
      ({ container_id, service }) =>
        `  services: the container ${container_id.slice(0, 12)} of ${service} has no record`,
    ),
    ...Object.entries(oauth ?? {}).flatMap(([what, count]) =>
      count === 0 ? [] : [`  oauth: ${count} ${what.replaceAll("_", " ")}`],
    ),
  ]
  return `This will be removed:\n${lines.join("\n")}`
}

/** Shows the plan, asks, removes until nothing of it remains. */
async function clean(session: Session, body: object): Promise<void> {
  const token = await session.token("")
  const plan = await session.call("cleanUp", { token, query: { dry_run: true }, body })
  for (const { kind, code, detail } of plan.body["unavailable"] as Record<"kind" | "code" | "detail", string>[])
    session.terminal.error(`${kind} cannot be looked at now: ${code}: ${detail}\n`)
  if (plan.body["total"] === 0) return showText(session, plan, () => ["nothing is orphaned"])
  await session.confirm(planOf(plan.body))
  for (let left = Infinity; ;) {
    const done = await session.call("cleanUp", { token, query: { dry_run: false }, body })
    const remaining = Number(done.body["remaining"])
    if (remaining === 0) return session.show(done)
    if (remaining >= left) throw new CliFailure("apiError", `invalid_state: ${remaining} orphans do not go away`)
    left = remaining
  }
}

const everything: Recipe = {
  name: "cleanup-orphaned",
  group: "maintenance",
  doc: "Remove what nothing has a use for any more, of every kind; shows it and asks first",
  parameters: [],
  run: (session) => clean(session, {}),
}

const proxies: Recipe = {
  name: "proxy-cleanup",
  group: "proxies",
  doc: "Remove orphaned proxies, of one host or all; shows them and asks first. A proxy that is switched off stays",
  parameters: [optional("hostname")],
  run(session, args) {
    const hostname = argument(args, "hostname")
    return clean(session, { kinds: ["proxies"], ...(hostname !== "" && { hostname }) })
  },
}

/** Recipes that remove leftovers. */
export const cleanupRecipes: readonly Recipe[] = [everything, proxies]
