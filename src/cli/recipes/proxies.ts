import { type Recipe, argument, choice, required } from "../recipe.ts"
import { certified } from "../follow.ts"
import { listing } from "./listing.ts"
import { ApiFailure, operation } from "../client.ts"
import { CliFailure } from "../failure.ts"
import { type FieldSchema, fieldValue } from "../value.ts"
import type { Session } from "../session.ts"
import { jsonSchema } from "../../api/openapi.ts"

const group = "proxies"

const create: Recipe = {
  name: "proxy-create",
  group,
  doc: "Create a proxy for a host name, with a certificate",
  parameters: [
    required("hostname"),
    required("target-url"),
    required("token"),
    choice("staging", false),
    choice("preserve-host", true),
    choice("enable-http", true),
    choice("enable-https", true),
  ],
  async run(session, args) {
    const body = {
      hostname: argument(args, "hostname"),
      target_url: argument(args, "target-url"),
      staging: argument(args, "staging") === "true",
      preserve_host_header: argument(args, "preserve-host") === "true",
      enable_http: argument(args, "enable-http") === "true",
      enable_https: argument(args, "enable-https") === "true",
    }
    const token = await session.token(argument(args, "token"))
    const reply = await session.call("createProxy", { body, token })
    session.show(reply)
    await certified(
      session,
      reply.body["certificate_status"] === "started" ? (reply.body["cert_name"] as string) : null,
      token,
    )
  },
}

/** Changes a proxy and shows it. */
async function change(session: Session, args: Readonly<Record<string, string>>, body: object): Promise<void> {
  const token = await session.token(argument(args, "token"))
  const params = { hostname: argument(args, "hostname") }
  session.show(await session.call("updateProxy", { params, body, token, ifMatch: session.flag("if-match") }))
}

const update: Recipe = {
  name: "proxy-update",
  group,
  doc: "Change settings of a proxy: key=value, for example target_url=http://10.0.0.5:3000",
  parameters: [required("hostname"), required("token")],
  options: true,
  run: (session, args, options) => change(session, args, fieldsOf("updateProxy", options)),
}

/** Fields of an operation's body from `key=value`. @throws CliFailure usage */
export function fieldsOf(operationId: string, options: readonly string[]): Record<string, unknown> {
  const { properties } = jsonSchema(operation(operationId)!.body!, "input") as {
    properties: Record<string, FieldSchema>
  }
  const given = options.filter((option) => option !== "")
  if (given.length === 0)
    throw new CliFailure("usage", `usage: give key=value; keys: ${Object.keys(properties).join(", ")}`)
  return Object.fromEntries(
    given.map((option) => {
      const [, key, value] = /^([a-z][\w-]*)=(.*)$/s.exec(option) ?? []
      if (key === undefined) throw new CliFailure("usage", `usage: ${option} is not key=value`)
      const name = key.replaceAll("-", "_")
      return [name, fieldValue(name, value!, properties[name] ?? {})]
    }),
  )
}

const switched = (name: string, doc: string, enabled: boolean): Recipe => ({
  name,
  group,
  doc,
  parameters: [required("hostname"), required("token")],
  run: (session, args) => change(session, args, { enabled }),
})

const remove: Recipe = {
  name: "proxy-delete",
  group,
  doc: "Delete a proxy, and with delete-cert its certificate; asks first",
  parameters: [required("hostname"), required("token"), choice("delete-cert", false), choice("force", false)],
  async run(session, args) {
    const params = { hostname: argument(args, "hostname") }
    const token = await session.token(argument(args, "token"))
    const [delete_certificate, force] = [argument(args, "delete-cert") === "true", argument(args, "force") === "true"]
    const { body } = await session.call("getProxy", { params, token })
    const certificate =
      delete_certificate && body["cert_name"] !== null ? ` and the certificate ${body["cert_name"] as string}` : ""
    await session.confirm(
      `The proxy ${params.hostname} → ${body["target_url"] as string}${certificate} will be deleted.`,
      force,
    )
    const input = { params, token, query: { delete_certificate, force }, ifMatch: session.flag("if-match") }
    session.show(await session.call("deleteProxy", input))
  },
}

const list = listing({
  name: "proxy-list",
  group,
  doc: "List proxies: of a token, or all",
  operationId: "listProxies",
  collection: "targets",
  token: true,
})

const show: Recipe = {
  name: "proxy-show",
  group,
  doc: "Show a proxy",
  parameters: [required("hostname")],
  async run(session, args) {
    const input = { params: { hostname: argument(args, "hostname") }, token: await session.token("") }
    session.show(await session.call("getProxy", input))
  },
}

const generateCertificate: Recipe = {
  name: "proxy-cert-generate",
  group,
  doc: "Request a certificate for a proxy and attach it",
  parameters: [required("hostname"), required("token"), choice("staging", false)],
  async run(session, args) {
    const hostname = argument(args, "hostname")
    const token = await session.token(argument(args, "token"))
    await session.call("getProxy", { params: { hostname }, token })
    const body = { domain: hostname, staging: argument(args, "staging") === "true" }
    const { cert_name } = (await session.call("createCertificate", { body, token })).body
    if (cert_name === undefined)
      throw new CliFailure("timedOut", "timed_out: the certificate is not decided yet; run this again")
    session.show(await session.call("updateProxy", { params: { hostname }, body: { cert_name }, token }))
    await certified(session, cert_name as string, token)
  },
}

const attachCertificate: Recipe = {
  name: "proxy-cert-attach",
  group,
  doc: "Attach a certificate to a proxy; asks when it does not cover the host",
  parameters: [required("hostname"), required("cert-name"), required("token")],
  async run(session, args) {
    const body = { cert_name: argument(args, "cert-name") }
    try {
      await change(session, args, body)
    } catch (error) {
      if (!(error instanceof ApiFailure && error.code === "certificate_not_covering")) throw error
      await session.confirm(`${body.cert_name} does not cover ${argument(args, "hostname")}: clients will refuse it.`)
      await change(session, args, { ...body, force: true })
    }
  },
}

/** Recipes about proxies as such. */
export const proxyRecipes: readonly Recipe[] = [
  create,
  update,
  remove,
  switched("proxy-enable", "Switch a proxy on", true),
  switched("proxy-disable", "Switch a proxy off: it answers 503", false),
  list,
  show,
  generateCertificate,
  attachCertificate,
]
