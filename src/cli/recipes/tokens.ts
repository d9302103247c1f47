import { type Recipe, argument, optional, required } from "../recipe.ts"
import { listing } from "./listing.ts"
import type { Session } from "../session.ts"

const group = "tokens"

const generate: Recipe = {
  name: "token-generate",
  group,
  doc: "Create an API token and print its value",
  parameters: [required("name"), { ...optional("cert-email", "ADMIN_EMAIL"), empty: true }],
  async run(session, args) {
    const asked = argument(args, "cert-email")
    const email = asked === "ADMIN_EMAIL" ? (session.terminal.env["ADMIN_EMAIL"] ?? "") : asked
    const body = { name: argument(args, "name"), cert_email: email === "" ? null : email }
    session.show(await session.call("generateToken", { token: await session.token(""), body }))
  },
}

const list = listing({
  name: "token-list",
  group,
  doc: "List all API tokens, without their values",
  operationId: "listTokens",
  collection: "tokens",
})

const show: Recipe = {
  name: "token-show",
  group,
  doc: "Print the full value of a token; recorded as an event",
  parameters: [required("name")],
  async run(session, args) {
    const name = argument(args, "name")
    if (session.terminal.interactiveOutput) await session.confirm(`The value of ${name} will stand on this terminal.`)
    const input = { params: { name }, query: { confirm: true }, token: await session.token("") }
    session.show(await session.call("revealToken", input))
  },
}

const remove: Recipe = {
  name: "token-delete",
  group,
  doc: "Delete a token and everything that it owns; asks first",
  parameters: [required("name")],
  async run(session, args) {
    const params = { name: argument(args, "name") }
    const token = await session.token("")
    const query = { force: session.on("force"), reassign_to: session.flag("reassign-to") }
    const plan = await session.call("deleteToken", { params, token, query: { ...query, dry_run: true } })
    await session.confirm(`${params.name} will be deleted, and with it: ${listed(plan.body["deleted_resources"])}`)
    session.show(await session.call("deleteToken", { params, token, query, ifMatch: session.flag("if-match") }))
  },
}

function listed(resources: unknown): string {
  const kinds = Object.entries(resources as Record<string, string[]>).filter(([, names]) => names.length > 0)
  return kinds.length === 0 ? "nothing else" : kinds.map(([kind, names]) => `${kind} ${names.join(", ")}`).join("; ")
}

const showCertificates: Recipe = {
  name: "token-show-certs",
  group,
  doc: "List the certificates of a token, or of every token",
  parameters: [optional("name")],
  async run(session, args) {
    const token = await session.token("")
    const name = argument(args, "name")
    if (name !== "") return session.show(await certificatesOf(session, name, token))
    const { body } = await session.list("listTokens", "tokens", { token })
    const rows = []
    for (const owner of body["tokens"] as { name: string }[]) {
      const reply = await certificatesOf(session, owner.name, token)
      rows.push(...(reply.body["certificates"] as object[]).map((row) => ({ token: owner.name, ...row })))
    }
    const every = { certificates: rows }
    return session.show({ body: every, text: JSON.stringify(every) })
  },
}

function certificatesOf(session: Session, name: string, token: string | undefined) {
  return session.list("listTokenCertificates", "certificates", { params: { name }, token })
}

const updateEmail: Recipe = {
  name: "token-email-update",
  group,
  doc: "Set the account e-mail for a token's certificates",
  parameters: [required("name"), required("email")],
  async run(session, args) {
    const email = argument(args, "email")
    const body = { name: argument(args, "name"), cert_email: email === "" ? null : email }
    const input = { token: await session.token(""), body, ifMatch: session.flag("if-match") }
    session.show(await session.call("updateTokenEmail", input))
  },
}

/** Recipes about API tokens. */
export const tokenRecipes: readonly Recipe[] = [generate, list, show, remove, showCertificates, updateEmail]
