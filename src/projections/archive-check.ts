import { type World, find } from "../events/world.ts"
import { isArchiveMissing } from "../platform/archived-log.ts"
import type { LogArchive } from "../platform/log-archive.ts"
import type { LogProblem } from "./log-problem.ts"

/** Are the segments that the log tells of there, with the bytes that were recorded? @returns the first that is not */
export async function archiveProblem(world: World, archive: LogArchive): Promise<LogProblem | null> {
  const files = new Map((await archive.files()).map((file) => [file.name, file]))
  for (const { file, first, last, hash, sha256 } of find(world, "log", "log")?.segments ?? []) {
    const bad = (detail: string): LogProblem => ({ position: first, code: "archive", detail })
    const found = files.get(file)
    if (found === undefined) return bad(`the segment ${file} (positions ${first} to ${last}) is not in the archive`)
    try {
      if ((await archive.digest(found)) !== sha256 || (await archive.header(found)).hash !== hash)
        return bad(`the segment ${file} is not the one that was recorded`)
    } catch (error) {
      if (isArchiveMissing(error)) return bad(error.message)
      throw error
    }
  }
  return null
}
