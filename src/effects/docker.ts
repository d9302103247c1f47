import { type Calls, dockerCalls } from "./docker-calls.ts"
import type { Config } from "../platform/config.ts"
import { type Engine, dockerEngine } from "./docker-engine.ts"
import { type Images, images } from "./docker-image.ts"
import { installationId } from "./docker-container.ts"

/** The container engine as one installation of Gatehouse uses it. */
export interface DockerParts {
  readonly engine: Engine
  readonly calls: Calls
  readonly images: Images
  /** Value of the label that tells our containers from foreign ones. */
  readonly installation: string
  /** Containers that were looked at, and whose end the engine would have told since. */
  readonly watched: Set<string>
  /** Ports that something else on this machine was found to hold. */
  readonly taken: Set<number>
  /** Milliseconds that a container outlives its successor's start, for the requests that it still has. */
  readonly drainMs: number
  /** Milliseconds that a container has to listen on its port before that counts as not coming. */
  readonly listenMs: number
  /** Milliseconds after which an engine that is away leaves the state of its containers unknown. */
  readonly lostMs: number
}

const drainMs = 5000
const listenMs = 30_000
const lostMs = 30_000

/** Nothing is connected before the first call. */
export function docker(config: Config): DockerParts {
  const engine = dockerEngine(config)
  const installation = installationId(config.MASTER_KEY)
  return {
    engine,
    installation,
    calls: dockerCalls(engine, installation),
    images: images(engine, installation, config.SERVICE_BUILD_DIR),
    watched: new Set(),
    taken: new Set(),
    drainMs,
    listenMs,
    lostMs,
  }
}
