import { ApiFailure, type Reply } from "../client.ts"
import { type Recipe, argument, choice, required } from "../recipe.ts"
import { CliFailure } from "../failure.ts"
import type { Session } from "../session.ts"
import { words } from "../value.ts"

/** The answer, or undefined for a 404. */
async function unlessMissing(call: Promise<Reply>): Promise<Reply | undefined> {
  try {
    return await call
  } catch (error) {
    if (error instanceof ApiFailure && error.status === 404) return undefined
    throw error
  }
}

const createGroup: Recipe = {
  name: "proxy-create-group",
  group: "proxies",
  doc: "Create proxies for several host names with one certificate; can be run again",
  parameters: [
    required("group"),
    required("hostnames"),
    required("target-url"),
    required("token"),
    choice("staging", false),
    choice("preserve-host", true),
  ],
  async run(session, args) {
    const token = await session.token(argument(args, "token"))
    const hosts = [...new Set(words(argument(args, "hostnames").toLowerCase()))]
    if (hosts.length < 2) throw new CliFailure("usage", "usage: a group needs at least two host names")
    const existing = await ownHosts(session, hosts, token)
    const cert_name = `group-${argument(args, "group")}`
    await groupCertificate(session, cert_name, hosts, argument(args, "staging") === "true", token)
    const settings = {
      target_url: argument(args, "target-url"),
      cert_name,
      preserve_host_header: argument(args, "preserve-host") === "true",
    }
    const targets = []
    for (const hostname of hosts) {
      const known = existing.has(hostname)
      if (known) await session.call("updateProxy", { params: { hostname }, body: settings, token })
      else await session.call("createProxy", { body: { hostname, ...settings }, token })
      targets.push({ hostname, ...settings, action: known ? "updated" : "created" })
    }
    const body = { targets }
    session.show({ body, text: JSON.stringify(body) })
    if (session.format === "table")
      session.terminal.error(`follow the certificate with: just cert-status ${cert_name}\n`)
  },
}

/** Hosts that have a proxy of this token's already. @throws CliFailure when one belongs to another: nothing was written */
async function ownHosts(session: Session, hosts: readonly string[], token: string | undefined): Promise<Set<string>> {
  const { name: caller } = (await session.call("getTokenInfo", { token })).body
  const own = new Set<string>()
  const foreign: string[] = []
  for (const hostname of hosts) {
    try {
      const reply = await unlessMissing(session.call("getProxy", { params: { hostname }, token }))
      if (reply === undefined) continue
      if (reply.body["owner"] === caller) own.add(hostname)
      else foreign.push(hostname)
    } catch (error) {
      if (!(error instanceof ApiFailure && error.code === "not_owner")) throw error
      foreign.push(hostname)
    }
  }
  if (foreign.length > 0)
    throw new CliFailure("apiError", `not_owner: nothing was changed; of another owner: ${foreign.join(", ")}`)
  return own
}

/** Requests the group's certificate, or checks that the one that is there is for the same hosts. */
async function groupCertificate(
  session: Session,
  cert_name: string,
  domains: readonly string[],
  staging: boolean,
  token: string | undefined,
): Promise<void> {
  const known = await unlessMissing(session.call("getCertificate", { params: { cert_name }, token }))
  if (known === undefined) {
    await session.call("createMultiDomainCertificate", { body: { cert_name, domains, staging }, token })
    return
  }
  const present = known.body["domains"] as string[]
  const missing = domains.filter((domain) => !present.includes(domain))
  const extra = present.filter((domain) => !domains.includes(domain))
  if (missing.length + extra.length === 0) return
  const difference = [...missing.map((domain) => `+${domain}`), ...extra.map((domain) => `-${domain}`)].join(" ")
  throw new CliFailure(
    "apiError",
    `already_exists: ${cert_name} is for other hosts (${difference}); choose a new group`,
  )
}

/** Recipes about groups of proxies. */
export const proxyGroupRecipes: readonly Recipe[] = [createGroup]
