import { appendFile, mkdir, readFile } from "node:fs/promises"
import type { SignedStatement } from "./checkpoint-key.ts"
import { join } from "node:path"

/** Checkpoints that this node has seen, apart from the store: whoever rewrites the log cannot take them away. */
export interface CheckpointFile {
  readonly path: string
  /** Those that can be read, in the order in which they were seen. */
  all(): Promise<readonly SignedStatement[]>
  add(checkpoint: SignedStatement): Promise<void>
}

/** One JSON value a line, below a node's own folder. */
export function checkpointFile(home: string): CheckpointFile {
  const path = join(home, "checkpoints.ndjson")
  return {
    path,
    async all() {
      const text = await readFile(path, "utf8").catch((error: NodeJS.ErrnoException) => {
        if (error.code === "ENOENT") return ""
        throw error
      })
      return text.split("\n").flatMap(parse)
    },
    async add(checkpoint) {
      await mkdir(home, { recursive: true, mode: 0o700 })
      await appendFile(path, `${JSON.stringify(checkpoint)}\n`, { mode: 0o600 })
    },
  }
}

/** The last line may have been cut by a crash or a full disk. */
function parse(line: string): SignedStatement[] {
  try {
    return line === "" ? [] : [JSON.parse(line) as SignedStatement]
  } catch {
    return []
  }
}
