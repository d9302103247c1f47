import { type Engine, EngineError, type ProgressLine } from "./docker-engine.ts"
import type { Service } from "../events/service.ts"
import { buildContext } from "./build-context.ts"
import { canonicalImage } from "../commands/service-image.ts"
import { eventLabel, label, ownLabels } from "./docker-container.ts"
import { memoryBytes } from "../commands/service-request.ts"

/** An image that the engine has. */
export interface FoundImage {
  /** What containers are made from. */
  readonly reference: string
  /** TCP ports that it says it listens on, lowest first. */
  readonly ports: readonly number[]
}

/** Getting images. */
export interface Images {
  /** The image of a service if the engine has it already. */
  find(service: Service): Promise<FoundImage | undefined>
  /** Pulls or builds it. @throws EngineError */
  obtain(service: Service, progress: (line: ProgressLine) => void, signal: AbortSignal): Promise<void>
}

/** @param buildDirectory what Dockerfiles are taken from */
export function images(engine: Engine, installation: string, buildDirectory: string): Images {
  const tagOf = ({ service_name, revision }: Service) =>
    `gatehouse/${installation.slice(0, 8)}:${service_name}.${revision}`

  async function build(service: Service, progress: (line: ProgressLine) => void, signal: AbortSignal): Promise<void> {
    const { dockerfile_path, build_context, build_args } = service.build!
    const { tar, dockerfile } = await buildContext(buildDirectory, dockerfile_path, build_context)
    const options = {
      t: tagOf(service),
      dockerfile,
      labels: { ...ownLabels(installation, service), [label.event]: eventLabel(service, service.revision) },
      buildargs: Object.fromEntries(build_args.map(({ name, value }) => [name, value])),
      memory: memoryBytes("4g"),
      rm: true,
      forcerm: true,
    }
    await engine.watch(
      "build",
      (docker, abortSignal) => docker.buildImage(tar as never, { ...options, abortSignal } as object),
      progress,
      signal,
    )
  }

  return {
    async find(service) {
      const reference = canonicalImage(service.image ?? tagOf(service))
      try {
        const { Config } = await engine.call("image", (docker, abortSignal) =>
          docker.getImage(reference).inspect({ abortSignal } as object),
        )
        const labels = Config.Labels ?? {}
        // A tag of the service that was there before under this name.
        if (service.image === null && labels[label.event] !== eventLabel(service, service.revision)) return undefined
        // What was built for one service is nobody else's, whatever the list of images says.
        if (labels[label.installation] === installation && labels[label.service] !== service.service_name)
          throw new EngineError("permanent", "image: it was built for another service")
        const ports = Object.keys(Config.ExposedPorts ?? {})
          .filter((port) => /^\d+(\/tcp)?$/.test(port))
          .map((port) => Number.parseInt(port, 10))
        return { reference, ports: ports.sort((a, b) => a - b) }
      } catch (error) {
        if (error instanceof EngineError && error.status === 404) return undefined
        throw error
      }
    },
    async obtain(service, progress, signal) {
      if (service.image === null) return build(service, progress, signal)
      const fromImage = canonicalImage(service.image)
      await engine.watch(
        "pull",
        (docker, abortSignal) => docker.createImage({ fromImage, abortSignal }),
        progress,
        signal,
      )
    },
  }
}
