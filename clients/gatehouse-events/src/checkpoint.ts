import { open, readFile, rename } from "node:fs/promises"

/** Keeps the position up to which everything was dealt with. */
export interface Checkpoint {
  /** @returns undefined when nothing was kept yet */
  load(): Promise<number | undefined>
  save(position: number): Promise<void>
}

/** Checkpoint in a file: whole or not at all, and on the disk before `save` resolves. */
export function fileCheckpoint(path: string): Checkpoint {
  return {
    async load() {
      const text = await readFile(path, "utf8").catch((error: NodeJS.ErrnoException) => {
        if (error.code === "ENOENT") return undefined
        throw error
      })
      if (text === undefined) return undefined
      const position = Number(text.trim())
      // Anything else would begin anew in silence.
      if (!/^\d+$/.test(text.trim()) || !Number.isSafeInteger(position)) throw new Error(`${path} holds no position`)
      return position
    },
    async save(position) {
      const file = await open(`${path}.new`, "w", 0o600)
      try {
        await file.writeFile(`${position}\n`)
        await file.sync()
      } finally {
        await file.close()
      }
      await rename(`${path}.new`, path)
    },
  }
}

/** Checkpoint that lasts as long as the process. */
export function memoryCheckpoint(position?: number): Checkpoint {
  let kept = position
  return {
    load: () => Promise.resolve(kept),
    save(next) {
      kept = next
      return Promise.resolve()
    },
  }
}
