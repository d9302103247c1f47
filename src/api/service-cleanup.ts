import type { Call } from "./endpoint.ts"
import { GatehouseError } from "../errors.ts"
import type { ServiceEngine, UnrecordedContainer } from "./service-engine.ts"
import { write } from "./write.ts"

/** What the container engine has too much and too little of, and what was done about it. */
export interface ServiceCleanup {
  readonly orphaned_containers: readonly UnrecordedContainer[]
  readonly orphaned_ports: readonly number[]
  readonly missing_containers: readonly string[]
  /** Ids of the containers that were removed. */
  readonly removed: readonly string[]
}

/** @throws GatehouseError `docker_unavailable` */
export function engineOf({ api }: Call): ServiceEngine {
  if (api.engine === undefined) throw new GatehouseError("docker_unavailable", "this node has no container engine")
  return api.engine
}

/**
 * Containers of this installation that no service has, removed one by one unless it is a dry run; each removal is an event.
 * @throws GatehouseError `docker_unavailable`
 */
export async function cleanServices(call: Call, dryRun: boolean): Promise<ServiceCleanup> {
  const engine = engineOf(call)
  const orphans = await engine.unrecorded()
  const removed: string[] = []
  for (const orphan of dryRun ? [] : orphans) if (await remove(call, orphan)) removed.push(orphan.container_id)
  // A port belongs to a record for as long as the record lives: none can be left over.
  return {
    orphaned_containers: orphans,
    orphaned_ports: [],
    missing_containers: await engine.missing(),
    removed,
  }
}

async function remove(call: Call, { container_id, service }: UnrecordedContainer): Promise<boolean> {
  if (!(await engineOf(call).removeUnrecorded(container_id))) return false
  // The caller's key stands for the whole call, not for one container of several.
  const own = { ...call, idempotencyKey: undefined, ifMatch: undefined }
  await write(own, { type: "RecordOrphanRemoved", data: { service_name: service, container_id } }, () => ({}))
  return true
}
