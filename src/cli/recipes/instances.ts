import { ApiFailure, type Reply } from "../client.ts"
import { type Recipe, argument, optional, required } from "../recipe.ts"
import { listing } from "./listing.ts"
import { CliFailure } from "../failure.ts"
import type { Session } from "../session.ts"
import { authority } from "../../platform/config.ts"

const group = "instances"

const list = listing({
  name: "instance-list",
  group,
  doc: "List all instances",
  operationId: "listInstances",
  collection: "instances",
})

const show: Recipe = {
  name: "instance-show",
  group,
  doc: "Show an instance and what leads to it",
  parameters: [required("name")],
  async run(session, args) {
    const params = { name: argument(args, "name") }
    session.show(await session.call("getInstance", { params, token: await session.token("") }))
  },
}

const address = [required("name"), required("target-url"), required("token"), optional("desc")]

const register: Recipe = {
  name: "instance-register",
  group,
  doc: "Give the address of a backend a name",
  parameters: address,
  async run(session, args) {
    const body = {
      name: argument(args, "name"),
      target_url: argument(args, "target-url"),
      description: argument(args, "desc"),
    }
    session.show(await session.call("registerInstance", { body, token: await session.token(argument(args, "token")) }))
  },
}

const update: Recipe = {
  name: "instance-update",
  group,
  doc: "Change the address of an instance, and its description when one is given",
  parameters: address,
  async run(session, args) {
    const params = { name: argument(args, "name") }
    const desc = argument(args, "desc")
    const body = { target_url: argument(args, "target-url"), ...(desc !== "" && { description: desc }) }
    const token = await session.token(argument(args, "token"))
    session.show(await session.call("updateInstance", { params, body, token, ifMatch: session.flag("if-match") }))
  },
}

const remove: Recipe = {
  name: "instance-delete",
  group,
  doc: "Delete an instance; asks first",
  parameters: [required("name"), required("token")],
  async run(session, args) {
    const call = {
      params: { name: argument(args, "name") },
      token: await session.token(argument(args, "token")),
      ifMatch: session.flag("if-match"),
    }
    const { body } = await session.call("getInstance", call)
    const users = body["used_by"] as string[]
    const used = users.length === 0 ? "" : `; these lead to it: ${users.join(", ")}`
    await session.confirm(`The instance ${call.params.name} (${body["target_url"] as string}) will be deleted${used}.`)
    await session.call("deleteInstance", { ...call, query: { force: session.on("force") } })
    session.terminal.error(`${call.params.name} is deleted.\n`)
  },
}

const registerOAuth: Recipe = {
  name: "instance-register-oauth",
  group,
  doc: "Register the instance auth for the built-in authorization server",
  parameters: [required("token")],
  async run(session, args) {
    const token = await session.token(argument(args, "token"))
    const target_url = builtIn(session)
    const description = "The built-in authorization server"
    const known = await found(session, token)
    if (known === undefined)
      return session.show(
        await session.call("registerInstance", { token, body: { name: "auth", target_url, description } }),
      )
    if (known.body["target_url"] === target_url) return session.show(known)
    session.show(await session.call("updateInstance", { token, params: { name: "auth" }, body: { target_url } }))
  },
}

/** URL of the authorization server, from the settings that this command line shares with the node. */
function builtIn({ terminal: { env } }: Session): string {
  const port = Number(env["PUBLIC_HTTPS_PORT"] ?? env["HTTPS_PORT"] ?? 443)
  if (!Number.isInteger(port)) throw new CliFailure("usage", "usage: PUBLIC_HTTPS_PORT must be a port")
  return `https://${authority(`auth.${env["BASE_DOMAIN"] ?? "localhost"}`, port)}`
}

async function found(session: Session, token: string | undefined): Promise<Reply | undefined> {
  try {
    return await session.call("getInstance", { params: { name: "auth" }, token })
  } catch (error) {
    if (error instanceof ApiFailure && error.code === "not_found") return undefined
    throw error
  }
}

/** Recipes about instances. */
export const instanceRecipes: readonly Recipe[] = [list, show, register, update, remove, registerOAuth]
