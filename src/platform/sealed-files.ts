import { mkdir, open, readFile, readdir, rename, rm } from "node:fs/promises"
import { GatehouseError } from "../errors.ts"
import { join } from "node:path"

/** Copies of sealed vault entries on this node's disk, so that it can serve after a start without the store. Ciphertext only. */
export interface SealedFiles {
  /** Entry from the store, or from the disk while the store is away; undefined when there is none. */
  read(ref: string): Promise<string | undefined>
  /** Deletes every copy whose name is not in `refs`. */
  keepOnly(refs: ReadonlySet<string>): Promise<void>
}

/**
 * @param dir folder of the copies, made when needed
 * @param secret reads the store
 * @param failed told of a copy that could not be written, a full disk for example; the entry is good all the same
 */
export function sealedFiles(
  dir: string,
  secret: (ref: string) => Promise<string | undefined>,
  failed: (error: Error) => void,
): SealedFiles {
  return {
    async read(ref) {
      try {
        const sealed = await secret(ref)
        if (sealed !== undefined) await write(dir, ref, sealed).catch(failed)
        return sealed
      } catch (error) {
        if (error instanceof GatehouseError && error.code === "store_unavailable") return onDisk(join(dir, ref))
        throw error
      }
    },
    async keepOnly(refs) {
      for (const name of await names(dir)) if (!refs.has(name)) await rm(join(dir, name), { force: true })
    },
  }
}

async function write(dir: string, ref: string, sealed: string): Promise<void> {
  await mkdir(dir, { recursive: true, mode: 0o700 })
  const temporary = join(dir, `.${ref}-${process.pid}`)
  const file = await open(temporary, "w", 0o600)
  try {
    await file.writeFile(sealed)
    await file.sync()
  } finally {
    await file.close()
  }
  await rename(temporary, join(dir, ref))
}

async function onDisk(path: string): Promise<string | undefined> {
  return readFile(path, "utf8").catch(absent(undefined))
}

async function names(dir: string): Promise<string[]> {
  return readdir(dir).catch(absent([]))
}

function absent<T>(value: T): (error: NodeJS.ErrnoException) => T {
  return (error) => {
    if (error.code === "ENOENT") return value
    throw error
  }
}
