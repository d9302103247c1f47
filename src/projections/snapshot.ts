import { hash } from "node:crypto"
import { mkdir, open, rename } from "node:fs/promises"
import { readFileSync } from "node:fs"
import { join } from "node:path"
import { type World, emptyWorld, worldOf } from "../events/world.ts"
import { type Logger, reason } from "../platform/log.ts"
import type { CrashPoint } from "../platform/crash-point.ts"

/** Version of the folded state's shape: raise it with every change of an `evolve` or a state, and old snapshots are not used. */
const schema = 3

/** Name of this build's snapshots in the store. */
export const snapshotName = `world:${schema}`

/** A world as text: a line that says what it is, and a line with its aggregates. */
export function encodeSnapshot(world: World): string {
  const kinds = Object.entries(world.objects).map(([kind, objects]) => [kind, [...objects]] as const)
  const body = JSON.stringify(Object.fromEntries(kinds))
  const about = { schema, position: world.position, hash: world.hash, digest: hash("sha256", body) }
  return `${JSON.stringify(about)}\n${body}\n`
}

/** The world of a snapshot; undefined for one that is damaged or of another shape. */
export function decodeSnapshot(text: string): World | undefined {
  try {
    const [first = "", body = ""] = text.split("\n")
    const about = JSON.parse(first) as { schema: number; position: number; hash: string; digest: string }
    if (about.schema !== schema || about.digest !== hash("sha256", body)) return undefined
    const stored = JSON.parse(body) as Record<string, [string, never][]>
    const world = emptyWorld()
    if (Object.keys(stored).sort().join() !== Object.keys(world.objects).sort().join()) return undefined
    const objects = Object.fromEntries(Object.entries(stored).map(([kind, entries]) => [kind, new Map(entries)]))
    return worldOf({ ...about, objects: objects as unknown as World["objects"] })
  } catch {
    return undefined
  }
}

/** Replaces what `world` holds; references to it stay good. */
export function restore(world: World, snapshot: World): void {
  world.position = snapshot.position
  world.revision += 1
  world.hash = snapshot.hash
  for (const [kind, objects] of Object.entries(snapshot.objects)) {
    const target = (world.objects as Readonly<Record<string, Map<string, unknown>>>)[kind]!
    target.clear()
    for (const [id, value] of objects) target.set(id, value)
  }
  world.referrers.clear()
  for (const [name, who] of snapshot.referrers) world.referrers.set(name, new Set(who))
}

/** This node's own snapshot, which lets it start without the store and know a log that was rolled back. */
export interface SnapshotFile {
  load(): string | undefined
  /** Whole or not at all; readable by its owner only. */
  save(text: string): Promise<void>
}

/** Snapshot file below a folder, which is made when needed. */
export function snapshotFile(home: string, crash: CrashPoint, log: Logger): SnapshotFile {
  const folder = join(home, "snapshot")
  const path = join(folder, "world.json")
  return {
    load() {
      try {
        return readFileSync(path, "utf8")
      } catch (error) {
        const missing = (error as NodeJS.ErrnoException).code === "ENOENT"
        if (!missing) log.warning("snapshot_unreadable", { error: reason(error) })
        return undefined
      }
    },
    async save(text) {
      crash("snapshot.before")
      await mkdir(folder, { recursive: true, mode: 0o700 })
      const temporary = `${path}.new`
      const file = await open(temporary, "w", 0o600)
      try {
        await file.writeFile(text)
        await file.sync()
      } finally {
        await file.close()
      }
      crash("snapshot.tempWritten")
      await rename(temporary, path)
      const directory = await open(folder)
      try {
        await directory.sync()
      } finally {
        await directory.close()
      }
      crash("snapshot.after")
    },
  }
}
