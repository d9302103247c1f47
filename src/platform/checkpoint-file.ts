import { type FileHandle, mkdir, open, readFile } from "node:fs/promises"
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
      await using file = await open(path, "a+", 0o600)
      const cut = await endsWithin(file)
      await file.appendFile(`${cut ? "\n" : ""}${JSON.stringify(checkpoint)}\n`)
    },
  }
}

/** Does a file end within a line? What is added to that line would be lost with it. */
async function endsWithin(file: FileHandle): Promise<boolean> {
  const { size } = await file.stat()
  if (size === 0) return false
  const { buffer } = await file.read(Buffer.alloc(1), 0, 1, size - 1)
  return buffer.toString("latin1") !== "\n"
}

/** A line may have been cut by a crash or a full disk. */
function parse(line: string): SignedStatement[] {
  try {
    return line === "" ? [] : [JSON.parse(line) as SignedStatement]
  } catch {
    return []
  }
}
