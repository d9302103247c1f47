import type { ContainerCreateOptions } from "dockerode"
import type { Service } from "../events/service.ts"
import { createHash } from "node:crypto"
import { memoryBytes } from "../commands/service-request.ts"

/** Labels by which Gatehouse knows its own containers. */
export const label = {
  installation: "gatehouse.installation",
  service: "gatehouse.service",
  /** Which service of that name, and which of its settings: {@link eventLabel}. */
  event: "gatehouse.event",
  owner: "gatehouse.owner",
  port: "gatehouse.port",
  internalPort: "gatehouse.internal-port",
} as const

/** Name of this installation: containers of another are foreign. Says nothing about the key. */
export function installationId(masterKey: string): string {
  return createHash("sha256").update("gatehouse installation\n").update(masterKey).digest("hex").slice(0, 16)
}

/** Tells containers of these settings from those of others, and from a service of the same name that was there before. */
export function eventLabel({ created_at }: Pick<Service, "created_at">, revision: number): string {
  return `${created_at}/${revision}`
}

/** Name of a container: the same step made again finds what it made before. */
function containerName(installation: string, { service_name, revision }: Service, port: number | null): string {
  return `${service_name}.${installation.slice(0, 8)}.${revision}.${port ?? "private"}`
}

/** Name that the engine has for a volume of a service. Neither part of it can contain the dot that separates them. */
export function volumeName(
  installation: string,
  { service_name }: Pick<Service, "service_name">,
  name: string,
): string {
  return `gatehouse-${installation.slice(0, 8)}.${service_name}.${name}`
}

/** Labels of everything that belongs to a service. */
export function ownLabels(
  installation: string,
  { service_name }: Pick<Service, "service_name">,
): Record<string, string> {
  return { [label.installation]: installation, [label.service]: service_name }
}

/** What a container is made of besides its service's settings. */
export interface ContainerParts {
  readonly installation: string
  readonly image: string
  readonly port: number | null
  readonly internalPort: number
  /** `NAME=value` */
  readonly environment: readonly string[]
}

const mebibyte = 2 ** 20
const temporary = (size: number) => `rw,noexec,nosuid,nodev,mode=1777,size=${size * mebibyte}`
const nanoseconds = (seconds: number) => Math.round(seconds * 1e9)

/** Everything that the engine is told about a container; what is not here, nobody can ask for. */
export function containerOptions(service: Service, parts: ContainerParts): ContainerCreateOptions {
  const { installation, port, internalPort } = parts
  const exposed = `${internalPort}/tcp`
  const { healthcheck } = service
  return {
    name: containerName(installation, service, port),
    Image: parts.image,
    Hostname: service.service_name,
    Env: [...parts.environment],
    Labels: {
      ...Object.fromEntries(service.labels.map(({ name, value }) => [name, value])),
      ...ownLabels(installation, service),
      [label.event]: eventLabel(service, service.revision),
      [label.owner]: service.owner,
      [label.port]: port === null ? "" : String(port),
      [label.internalPort]: String(internalPort),
    },
    ...(service.command !== null && { Cmd: [...service.command] }),
    ...(service.user !== null && { User: service.user }),
    ...(port !== null && { ExposedPorts: { [exposed]: {} } }),
    ...(healthcheck !== null && {
      Healthcheck: {
        Test: ["CMD", ...healthcheck.command],
        Interval: nanoseconds(healthcheck.interval),
        Timeout: nanoseconds(healthcheck.timeout),
        Retries: healthcheck.retries,
      },
    }),
    HostConfig: {
      NetworkMode: service.network,
      ...(port !== null && { PortBindings: { [exposed]: [{ HostIp: service.bind_address, HostPort: String(port) }] } }),
      Memory: memoryBytes(service.memory_limit),
      // Equal to the memory: no swap at all.
      MemorySwap: memoryBytes(service.memory_limit),
      NanoCpus: nanoseconds(service.cpu_limit),
      PidsLimit: service.pids_limit,
      RestartPolicy: { Name: service.restart_policy === "no" ? "" : service.restart_policy },
      ReadonlyRootfs: service.read_only_root,
      ...(service.read_only_root && {
        Tmpfs: { "/tmp": temporary(64), "/run": temporary(16), "/var/tmp": temporary(64) },
      }),
      CapDrop: ["ALL"],
      // What images need that start as root and then become somebody else.
      CapAdd: ["CHOWN", "SETUID", "SETGID", "DAC_OVERRIDE", "NET_BIND_SERVICE"],
      SecurityOpt: ["no-new-privileges:true"],
      Init: true,
      LogConfig: { Type: "json-file", Config: { "max-size": "10m", "max-file": "3" } },
      Mounts: service.volumes.map(({ name, path }) => ({
        Type: "volume",
        Source: volumeName(installation, service, name),
        Target: path,
      })),
    },
    NetworkingConfig: { EndpointsConfig: { [service.network]: { Aliases: [service.service_name] } } },
  }
}
