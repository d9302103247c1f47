import { GatehouseError } from "../errors.ts"

/** Options of container engines that would let a container out; nobody may give them, whatever their value or spelling. */
export const forbiddenOptions: readonly string[] = [
  "privileged cap_add cap_drop capabilities device devices device_requests device_cgroup_rules gpus group_add",
  "security_opt security_options apparmor seccomp selinux userns userns_mode user_namespace masked_paths readonly_paths",
  "pid pid_mode ipc ipc_mode uts uts_mode net network_mode cgroup cgroup_parent cgroupns_mode isolation",
  "host_config bind binds mount mounts tmpfs volumes_from volume_driver docker_socket",
  "sysctls ulimits runtime oom_kill_disable oom_score_adj storage_opt extra_hosts links init",
].flatMap((names) => names.split(" "))

const forbidden: ReadonlySet<string> = new Set(forbiddenOptions.map(plain))

/** A setting under any spelling: `HostConfig`, `host-config`, `host_config`. */
function plain(name: string): string {
  return name.replaceAll(/[-_]/g, "").toLowerCase()
}

/**
 * Refuses what would give a container a way to its host; runs before the schema, which does not know these names at all.
 * @returns the body unchanged
 * @throws GatehouseError `forbidden_option`
 */
export function refuseForbiddenOptions(body: Readonly<Record<string, unknown>>): Record<string, unknown> {
  const option = Object.keys(body).find((name) => forbidden.has(plain(name)))
  if (option !== undefined) throw refused(option, "is not an option of services")
  const { network, volumes } = body
  if (typeof network === "string" && /^(host|none|container:.*)$/i.test(network.trim()))
    throw refused("network", "must be a network of containers")
  if (Array.isArray(volumes)) throw refused("volumes", "must name volumes of the service, not paths of the host")
  for (const name of typeof volumes === "object" && volumes !== null ? Object.keys(volumes) : [])
    if (/[/\\.~:]/.test(name)) throw refused("volumes", "must name volumes of the service, not paths of the host")
  return { ...body }
}

function refused(path: string, message: string): GatehouseError {
  return new GatehouseError("forbidden_option", `${path}: ${message}`, { errors: [{ path, message }] })
}
