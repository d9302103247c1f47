import { type Recipe, argument, choice, optional, required } from "../recipe.ts"
import { CliFailure } from "../failure.ts"
import type { Input } from "../client.ts"
import type { Session } from "../session.ts"
import { printable } from "../../api/rows.ts"
import { certified } from "../follow.ts"
import { settled } from "../service-progress.ts"

const group = "services"

type Arguments = Readonly<Record<string, string>>

const truthy = (args: Arguments, name: string) => argument(args, name) === "true"

/** Parameters and token of a call about one service. */
async function about(session: Session, args: Arguments): Promise<Pick<Input, "params" | "token">> {
  return { params: { name: argument(args, "name") }, token: await session.token(args["token"] ?? "") }
}

const create: Recipe = {
  name: "service-create",
  group,
  doc: "Run an image as a service; with a Dockerfile the image is empty",
  parameters: [
    required("name"),
    { ...required("image"), empty: true },
    optional("dockerfile"),
    optional("port", "auto"),
    optional("token"),
    optional("memory", "512m"),
    optional("cpu", "1.0"),
    choice("auto-proxy", false),
  ],
  async run(session, args) {
    const [image, dockerfile, port] = [argument(args, "image"), argument(args, "dockerfile"), argument(args, "port")]
    if (port !== "auto" && !/^\d+$/.test(port)) throw new CliFailure("usage", "usage: port is a number or auto")
    const cpu = Number(argument(args, "cpu"))
    if (!Number.isFinite(cpu)) throw new CliFailure("usage", "usage: cpu is a number")
    const body = {
      service_name: argument(args, "name"),
      ...(image !== "" && { image }),
      ...(dockerfile !== "" && { dockerfile_path: dockerfile }),
      ...(port !== "auto" && { external_port: Number(port) }),
      memory_limit: argument(args, "memory"),
      cpu_limit: cpu,
    }
    const token = await session.token(argument(args, "token"))
    const reply = await session.call("createService", {
      body,
      token,
      query: { auto_proxy: truthy(args, "auto-proxy") },
    })
    if (session.on("wait")) return session.show(await settled(session, argument(args, "name"), token))
    session.show(reply)
    if (session.format === "table") session.terminal.error(`follow it with: just service-show ${body.service_name}\n`)
  },
}

const list: Recipe = {
  name: "service-list",
  group,
  doc: "List services: of a token, or all",
  parameters: [choice("owned-only", false), optional("token")],
  async run(session, args) {
    const input = {
      token: await session.token(argument(args, "token")),
      query: { owned_only: truthy(args, "owned-only") },
    }
    session.show(await session.list("listServices", "services", input))
  },
}

const show: Recipe = {
  name: "service-show",
  group,
  doc: "Show a service",
  parameters: [required("name")],
  async run(session, args) {
    session.show(await session.call("getService", await about(session, args)))
  },
}

const remove: Recipe = {
  name: "service-delete",
  group,
  doc: "Delete a service with its container, volumes and port; asks first",
  parameters: [required("name"), optional("token"), choice("force", false), choice("delete-proxy", true)],
  async run(session, args) {
    const input = await about(session, args)
    const force = truthy(args, "force")
    const { body } = await session.call("getService", input)
    const volumes = Object.keys(body["volumes"] as object)
    const also = volumes.length === 0 ? "" : ` Its volumes ${volumes.join(", ")} and all that is in them go with it.`
    const plan = `The service ${argument(args, "name")} (${String(body["status"])}) and its container will be deleted.${also}`
    await session.confirm(plan, force)
    const query = { force, delete_proxy: truthy(args, "delete-proxy") }
    session.show(await session.call("deleteService", { ...input, query, ifMatch: session.flag("if-match") }))
  },
}

const action = (verb: "start" | "stop" | "restart", doc: string): Recipe => ({
  name: `service-${verb}`,
  group,
  doc,
  parameters: [required("name"), optional("token")],
  async run(session, args) {
    const query = { wait: true, timeout: session.flag("timeout") ?? 10 }
    const input = { ...(await about(session, args)), query, ifMatch: session.flag("if-match") }
    const reply = await session.call(`${verb}Service`, input)
    const state = `${argument(args, "name")} is ${String(reply.body["status"])}`
    if (reply.status === 202) throw new CliFailure("timedOut", `timed_out: ${state}; it goes on`)
    session.show(reply)
    if (reply.body["status"] !== (verb === "stop" ? "stopped" : "running"))
      throw new CliFailure("apiError", `invalid_state: ${state}; see: just service-show ${argument(args, "name")}`)
  },
})

const logs: Recipe = {
  name: "service-logs",
  group,
  doc: "Show the last lines that a service has printed",
  parameters: [required("name"), optional("lines", "100"), choice("timestamps", false)],
  async run(session, args) {
    const query = { lines: argument(args, "lines"), timestamps: truthy(args, "timestamps") }
    const reply = await session.call("getServiceLogs", { ...(await about(session, args)), query })
    if (session.format === "json") return session.show(reply)
    session.terminal.write((reply.body["logs"] as string[]).map((line) => `${printable(line)}\n`).join(""))
  },
}

const stats: Recipe = {
  name: "service-stats",
  group,
  doc: "Show what a service uses of CPU, memory and network",
  parameters: [required("name")],
  async run(session, args) {
    session.show(await session.call("getServiceStats", await about(session, args)))
  },
}

const createProxy: Recipe = {
  name: "service-proxy-create",
  group,
  doc: "Give a service a host name: <name>.BASE_DOMAIN unless another is named",
  parameters: [required("name"), optional("hostname"), choice("enable-https", false), optional("token")],
  async run(session, args) {
    const hostname = argument(args, "hostname")
    const body = { ...(hostname !== "" && { hostname }), enable_https: truthy(args, "enable-https") }
    const input = await about(session, args)
    const reply = await session.call("createServiceProxy", { ...input, body })
    session.show(reply)
    const { cert_name } = (reply.body["proxy_target"] ?? {}) as { cert_name?: string }
    await certified(session, reply.body["certificate_status"] === "started" ? (cert_name ?? null) : null, input.token)
  },
}

const cleanup: Recipe = {
  name: "service-cleanup",
  group,
  doc: "Remove containers of this installation that no service has; shows them and asks first",
  parameters: [],
  async run(session) {
    const token = await session.token("")
    const plan = await session.call("cleanupServices", { token, query: { dry_run: true } })
    const orphans = plan.body["orphaned_containers"] as { container_id: string; service: string }[]
    if (orphans.length === 0) return session.show(plan)
    const names = orphans.map(({ container_id, service }) => `${service} (${container_id.slice(0, 12)})`)
    await session.confirm(`These containers will be removed: ${names.join(", ")}`)
    session.show(await session.call("cleanupServices", { token, query: { dry_run: false } }))
  },
}

/** Recipes about services. */
export const serviceRecipes: readonly Recipe[] = [
  create,
  list,
  show,
  remove,
  action("start", "Start a service that is stopped, or try again one that failed"),
  action("stop", "Stop a service; it keeps its container and its port"),
  action("restart", "Restart the container of a service"),
  logs,
  stats,
  createProxy,
  cleanup,
]
