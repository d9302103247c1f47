import { existsSync, mkdirSync } from "node:fs"
import { join, resolve } from "node:path"

/** Folders of one copy of Gatehouse, below GATEHOUSE_HOME; absolute paths. */
export interface Home {
  readonly root: string
  /** Data of the own Redis. */
  readonly redis: string
  /** What describes running processes: records, lock, the Redis configuration. */
  readonly run: string
  readonly log: string
}

/** Folders of this copy; missing ones are made, for this user alone. */
export function openHome(folder: string): Home {
  const root = resolve(folder)
  const home = { root, redis: join(root, "redis"), run: join(root, "run"), log: join(root, "log") }
  for (const path of Object.values(home)) mkdirSync(path, { recursive: true, mode: 0o700 })
  return home
}

/** Has Gatehouse ever run with this folder, so that secrets may exist that were encrypted with its MASTER_KEY? */
export function hasData(folder: string): boolean {
  return ["redis/appendonlydir", "snapshot", "keys", "archive"].some((part) => existsSync(join(resolve(folder), part)))
}
