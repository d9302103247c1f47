import type { ContainerInspectInfo } from "dockerode"
import type { Calls } from "./docker-calls.ts"
import { EngineError } from "./docker-engine.ts"
import type { Service } from "../events/service.ts"
import { connect } from "node:net"
import { setTimeout as sleep } from "node:timers/promises"

/** What a container is waited for. */
export interface Readiness {
  readonly calls: Pick<Calls, "inspect">
  readonly id: string
  readonly port: number | null
  readonly address: string
  readonly internalPort: number
  /** Nothing listening on the port is a failure, not only a remark. */
  readonly strict: boolean
  /** Milliseconds that the container has to begin to listen. */
  readonly listenMs: number
  readonly signal: AbortSignal
}

/** Exit codes of a command that is not there, or that cannot be executed (POSIX XCU 2.8.2). */
const cannotRun: ReadonlySet<number> = new Set([126, 127])

const pollMs = 200
/** For an image's or a service's health check to say something. */
const healthMs = 120_000
/** Looks at a container that was started again, until it ends once more, and the milliseconds between them. */
const mostAgain = 20
const againMs = 50
/** How long a container without port and health check must live to count as started. */
const aliveMs = 500

/** What a container has failed of whose port takes no connections. */
export const nobodyListens = "nothing listens on the service's port"

/** A container that works. */
export interface Ready {
  readonly health: Service["health"]
  /** When its process began, by the engine's clock. */
  readonly started_at: string
  /** Its port took connections. */
  readonly heard: boolean
}

/**
 * Waits until a started container works: its health check says so, or its port takes connections, or it just lives.
 * @throws EngineError `refused` when it does not come to that
 */
export async function untilReady(readiness: Readiness): Promise<Ready> {
  const { calls, id, port, address, internalPort, strict, listenMs, signal } = readiness
  const begun = performance.now()
  let restarts: number | undefined
  let again = 0
  let heard = false
  for (;;) {
    const found = await calls.inspect(id)
    if (found === undefined) throw new EngineError("refused", "the container is gone")
    const { State, RestartCount } = found
    restarts ??= RestartCount
    const ended = !State.Running || State.Restarting
    // Of one that the engine has started again it has forgotten how it ended: it mostly ends again at once.
    if (!ended && RestartCount > restarts && (again += 1) <= mostAgain) {
      await sleep(againMs, undefined, { signal })
      continue
    }
    if (ended || RestartCount > restarts)
      throw new EngineError(cannotRun.has(State.ExitCode) ? "permanent" : "refused", exitText(found))
    const waited = performance.now() - begun
    const health = healthOf(found)
    const ready = { health, started_at: State.StartedAt, heard: false }
    if (health === "healthy") return ready
    if (health === "unhealthy") throw new EngineError("refused", "the health check fails")
    if (health === "starting" && waited > healthMs)
      throw new EngineError("refused", "the health check did not succeed in time")
    if (health === "none") {
      // Twice, with a look at the container in between: for one that is just ending, a connection hangs instead of failing.
      const before = heard
      heard = port === null ? waited >= aliveMs : await hears(containerAddress(found), internalPort, address, port)
      if (before && heard) return { ...ready, heard: port !== null }
      if (port !== null && waited > listenMs) {
        if (strict) throw new EngineError("refused", nobodyListens)
        return ready
      }
    }
    await sleep(pollMs, undefined, { signal })
  }
}

/** Health by the engine's words. */
function healthOf({ State }: Pick<ContainerInspectInfo, "State">): Service["health"] {
  const status = State.Health?.Status
  return status === "starting" || status === "healthy" || status === "unhealthy" ? status : "none"
}

/** The same from a line of the list, such as `Up 3 minutes (healthy)`. */
export function healthIn(status: string): Service["health"] {
  const [, word = ""] = /\((?:health: )?(\w+)\)$/.exec(status) ?? []
  return word === "starting" || word === "healthy" || word === "unhealthy" ? word : "none"
}

/** Why a container does not run. */
export function exitText({ State }: Pick<ContainerInspectInfo, "State">): string {
  if (State.OOMKilled) return "the container ran out of memory"
  if (State.Running && !State.Restarting) return "the container ended, and the engine started it again"
  return State.Error === "" ? `the container ended with exit code ${State.ExitCode}` : State.Error.slice(0, 500)
}

/** Its address in its own network; undefined where the engine names none. */
function containerAddress({ NetworkSettings }: Pick<ContainerInspectInfo, "NetworkSettings">): string | undefined {
  return Object.values(NetworkSettings.Networks)
    .map(({ IPAddress }) => IPAddress)
    .find(Boolean)
}

/**
 * Is there somebody behind a published port? The engine's own proxy takes every connection before it knows, so the container
 * itself is asked first; where it cannot be reached, as beside a virtual machine, the proxy's word is all there is.
 */
async function hears(own: string | undefined, internalPort: number, address: string, port: number): Promise<boolean> {
  const direct = own === undefined ? "silent" : await dial(own, internalPort, 0)
  return direct !== "refused" && (await dial(dialled(address), port, dropMs)) === "taken"
}

/** The engine's proxy drops within this time what it has no listener for, if the machine is not busy. */
const dropMs = 150
const dialMs = 1000

/** Connects, and sees whether the connection holds. `silent`: nobody answers from there. */
function dial(host: string, port: number, holdMs: number): Promise<"taken" | "refused" | "silent"> {
  return new Promise((resolve) => {
    const socket = connect({ host, port })
    const end = (answer: "taken" | "refused" | "silent") => {
      clearTimeout(timer)
      socket.destroy()
      resolve(answer)
    }
    let timer = setTimeout(() => end("silent"), dialMs)
    socket.once("connect", () => {
      clearTimeout(timer)
      timer = setTimeout(() => end("taken"), holdMs)
    })
    socket.once("data", () => end("taken"))
    socket.once("end", () => end("refused"))
    socket.once("error", ({ code }: NodeJS.ErrnoException) =>
      end(code === "ECONNREFUSED" || code === "ECONNRESET" ? "refused" : "silent"),
    )
  })
}

/** An address that a listener on all addresses is reached at. */
function dialled(address: string): string {
  if (address === "0.0.0.0") return "127.0.0.1"
  return address === "::" ? "::1" : address
}
