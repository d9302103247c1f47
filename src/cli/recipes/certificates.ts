import { type Recipe, argument, choice, optional, required } from "../recipe.ts"
import { listing } from "./listing.ts"
import { follow, stateOf } from "../follow.ts"
import { ApiFailure } from "../client.ts"
import { CliFailure } from "../failure.ts"
import type { Session } from "../session.ts"
import { words } from "../value.ts"

const group = "certificates"
const statusOf = (name: string) => `just cert-status ${name}`

/** Common to all three ways to ask for a certificate. */
async function create(session: Session, operationId: string, args: Readonly<Record<string, string>>, names: object) {
  const [name, email] = [argument(args, "name"), argument(args, "email")]
  const token = await session.token(argument(args, "token"))
  const body = {
    cert_name: name,
    ...names,
    ...(email !== "" && { email }),
    staging: argument(args, "staging") === "true",
  }
  await follow(session, await session.call(operationId, { token, body }), token, statusOf(name))
}

const createOne: Recipe = {
  name: "cert-create",
  group,
  doc: "Request a certificate for one name",
  parameters: [required("name"), required("domain"), required("email"), required("token"), choice("staging", false)],
  run: (session, args) => create(session, "createCertificate", args, { domain: argument(args, "domain") }),
}

const createMulti: Recipe = {
  name: "cert-create-multi",
  group,
  doc: "Request one certificate for several names, separated by commas or blanks",
  parameters: [required("name"), required("domains"), required("email"), required("token"), choice("staging", false)],
  run: (session, args) =>
    create(session, "createMultiDomainCertificate", args, { domains: words(argument(args, "domains")) }),
}

const createWildcard: Recipe = {
  name: "cert-create-wildcard",
  group,
  doc: "Request a certificate for a domain and all names one level below it",
  parameters: [
    required("name"),
    required("base-domain"),
    required("email"),
    required("token"),
    choice("staging", false),
  ],
  async run(session, args) {
    const base = argument(args, "base-domain").replace(/^\*\./, "")
    try {
      await create(session, "createMultiDomainCertificate", args, { domains: [`*.${base}`, base] })
    } catch (error) {
      if (error instanceof ApiFailure && error.code === "wildcard_requires_dns01")
        session.terminal.error(
          "A public CA proves a wildcard over DNS-01 only. Name the hosts with cert-create-multi instead.\n",
        )
      throw error
    }
  },
}

const remove: Recipe = {
  name: "cert-delete",
  group,
  doc: "Delete a certificate and its key; asks first",
  parameters: [required("name"), required("token"), choice("force", false)],
  async run(session, args) {
    const params = { cert_name: argument(args, "name") }
    const token = await session.token(argument(args, "token"))
    const force = argument(args, "force") === "true"
    const { body } = await session.call("getCertificate", { params, token })
    const hosts = body["attached_to"] as string[]
    const effect = hosts.length === 0 ? "No proxy names it." : `It is taken from ${hosts.join(", ")}.`
    await session.confirm(`The certificate ${params.cert_name} and its key will be deleted. ${effect}`, force)
    const input = { params, token, query: { force }, ifMatch: session.flag("if-match") }
    session.show(await session.call("deleteCertificate", input))
  },
}

const renew: Recipe = {
  name: "cert-renew",
  group,
  doc: "Renew a certificate that is due, or any with force",
  parameters: [required("name"), required("token"), choice("force", false)],
  async run(session, args) {
    const name = argument(args, "name")
    const token = await session.token(argument(args, "token"))
    const body = { force: argument(args, "force") === "true" }
    const input = { params: { cert_name: name }, token, body, ifMatch: session.flag("if-match") }
    const reply = await session.call("renewCertificate", input)
    return reply.status === 202 ? follow(session, reply, token, statusOf(name)) : session.show(reply)
  },
}

const list = listing({
  name: "cert-list",
  group,
  doc: "List certificates: of a token, or all",
  operationId: "listCertificates",
  collection: "certificates",
  token: true,
})

const show: Recipe = {
  name: "cert-show",
  group,
  doc: "Show a certificate; pem=true prints its chain, pem=key also its key, which is recorded as an event",
  parameters: [required("name"), optional("token"), optional("pem", "false")],
  async run(session, args) {
    const params = { cert_name: argument(args, "name") }
    const pem = argument(args, "pem")
    if (!/^(true|1|yes|pem|key|false|0|no)$/.test(pem))
      throw new CliFailure("usage", "usage: pem is true, key or false")
    if (pem === "key") await session.confirm(`The private key of ${params.cert_name} will be printed.`)
    const query = { include_private_key: pem === "key" ? true : undefined }
    const reply = await session.call("getCertificate", {
      params,
      query,
      token: await session.token(argument(args, "token")),
    })
    if (/^(false|0|no)$/.test(pem) || session.flag("output") === "json") return session.show(reply)
    const { fullchain_pem, private_key_pem = "" } = reply.body as {
      fullchain_pem: string | null
      private_key_pem?: string
    }
    if (fullchain_pem === null) throw new CliFailure("apiError", `invalid_state: ${params.cert_name} is not issued yet`)
    return session.terminal.write(`${fullchain_pem.trimEnd()}\n${private_key_pem}`)
  },
}

const status: Recipe = {
  name: "cert-status",
  group,
  doc: "Show where the work on a certificate stands; wait=true waits for its end",
  parameters: [required("name"), optional("token"), choice("wait", false)],
  async run(session, args) {
    const wait = argument(args, "wait") === "true"
    const query = wait ? { wait, timeout: session.flag("timeout") } : {}
    const params = { cert_name: argument(args, "name") }
    const reply = await session.call("getCertificateStatus", {
      params,
      query,
      token: await session.token(argument(args, "token")),
    })
    session.show(reply)
    if (wait && stateOf(reply) === "open") throw new CliFailure("timedOut", "timed_out: the work goes on")
  },
}

const toProduction: Recipe = {
  name: "cert-to-production",
  group,
  doc: "Replace a staging certificate by one of the production CA",
  parameters: [required("name"), optional("token")],
  async run(session, args) {
    const name = argument(args, "name")
    const token = await session.token(argument(args, "token"))
    const input = { params: { cert_name: name }, token, ifMatch: session.flag("if-match") }
    const reply = await session.call("convertCertificate", input)
    return reply.status === 202 ? follow(session, reply, token, statusOf(name)) : session.show(reply)
  },
}

const coverage: Recipe = {
  name: "cert-coverage",
  group,
  doc: "Show which proxies a certificate covers",
  parameters: [required("name"), optional("token")],
  async run(session, args) {
    const input = { params: { cert_name: argument(args, "name") }, token: await session.token(argument(args, "token")) }
    session.show(await session.call("getCertificateCoverage", input))
  },
}

/** Recipes about certificates. */
export const certificateRecipes: readonly Recipe[] = [
  createOne,
  createMulti,
  createWildcard,
  remove,
  renew,
  list,
  show,
  status,
  toProduction,
  coverage,
]
