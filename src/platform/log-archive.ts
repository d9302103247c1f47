import type { EncodedSegment, Segment, SegmentContents, SegmentFile, SegmentHeader } from "./segment.ts"
import { decodeHeader, decodeSegment, encodeSegment, parseSegmentName } from "./segment.ts"
import { mkdir, open, readFile, readdir, rename, rm } from "node:fs/promises"
import { type Logger, reason } from "./log.ts"
import type { CrashPoint } from "./crash-point.ts"
import type { EventRecord } from "./event-store.ts"
import { GatehouseError } from "../errors.ts"
import { hash } from "node:crypto"
import { join } from "node:path"
import { segmentCache } from "./segment-cache.ts"

/** Folder of segments: the older part of the log. Rejects with GatehouseError `archive_unavailable`. */
export interface LogArchive {
  readonly folder: string
  /** Every segment, by its first position. */
  files(): Promise<readonly SegmentFile[]>
  /** Events after a position, at most `limit`; none when no segment holds the next one. */
  read(after: number, limit: number): Promise<readonly EventRecord[]>
  header(file: SegmentFile): Promise<SegmentHeader>
  /** SHA-256 of a segment's bytes as they are now, hex. */
  digest(file: SegmentFile): Promise<string>
  /** Contents of a segment whose bytes were those that its name tells when they were read; a line is parsed when it is asked for. */
  load(file: SegmentFile): Promise<Segment>
  /** Writes a segment, whole or not at all, and reads it back. */
  write(contents: SegmentContents): Promise<EncodedSegment>
}

/** Text of segments that is kept for the next reader, bytes; the newest of them is kept whatever its size. */
const mostKept = 64 * 1024 * 1024
const headerBytes = 4096

/** @param folder made when the first segment is written */
export function logArchive(folder: string, crash: CrashPoint, log: Logger): LogArchive {
  const segments = segmentCache((file) => readSegment(folder, file), mostKept)
  const headers = new Map<string, SegmentHeader>()
  const files = () => filesOf(folder)
  const holding = (position: number) => (file: SegmentFile) => file.first <= position && position <= file.last
  return {
    folder,
    files,
    load: segments.load,
    async read(after, limit) {
      const file = segments.kept().find(holding(after + 1)) ?? (await files()).find(holding(after + 1))
      if (file === undefined) return []
      const { events } = await segments.load(file)
      return events.slice(after + 1 - file.first, after + 1 - file.first + limit)
    },
    async header(file) {
      const known = headers.get(file.name)
      if (known !== undefined) return known
      const header = await readHeader(join(folder, file.name))
      headers.set(file.name, header)
      return header
    },
    async digest({ name }) {
      try {
        return hash("sha256", await readFile(join(folder, name)))
      } catch (error) {
        throw unavailable(`the segment ${name} cannot be read: ${reason(error)}`)
      }
    },
    async write(contents) {
      const segment = await encodeSegment(contents)
      try {
        await writeWhole(folder, segment, crash)
        const { first, last } = segment.header
        await readSegment(folder, { name: segment.name, first, last, digest: segment.sha256.slice(0, 32) })
        return segment
      } catch (error) {
        log.error("segment_not_written", { error: reason(error) })
        throw unavailable(`the segment ${segment.name} could not be written: ${reason(error)}`)
      }
    },
  }
}

async function filesOf(folder: string): Promise<readonly SegmentFile[]> {
  try {
    const names = await readdir(folder)
    return names
      .flatMap((name) => {
        const parsed = parseSegmentName(name)
        return parsed === undefined ? [] : [{ name, ...parsed }]
      })
      .sort((a, b) => a.first - b.first || b.last - a.last)
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code === "ENOENT") return []
    throw unavailable(`the archive cannot be read: ${reason(error)}`)
  }
}

async function readSegment(folder: string, { name, digest }: SegmentFile): Promise<Segment> {
  try {
    const bytes = await readFile(join(folder, name))
    const sha256 = hash("sha256", bytes)
    if (!sha256.startsWith(digest)) throw new Error("its bytes are not those that were written")
    return { ...(await decodeSegment(bytes)), sha256 }
  } catch (error) {
    throw unavailable(`the segment ${name} cannot be read: ${reason(error)}`)
  }
}

async function readHeader(path: string): Promise<SegmentHeader> {
  try {
    const file = await open(path)
    try {
      const { buffer, bytesRead } = await file.read(Buffer.alloc(headerBytes), 0, headerBytes, 0)
      return decodeHeader(buffer.subarray(0, bytesRead))
    } finally {
      await file.close()
    }
  } catch (error) {
    throw unavailable(`a segment cannot be read: ${reason(error)}`)
  }
}

async function writeWhole(folder: string, { name, bytes }: EncodedSegment, crash: CrashPoint): Promise<void> {
  crash("archive.before")
  await mkdir(folder, { recursive: true, mode: 0o700 })
  const temporary = join(folder, `.${name}-${process.pid}`)
  try {
    const file = await open(temporary, "w", 0o600)
    try {
      await file.writeFile(bytes)
      await file.sync()
    } finally {
      await file.close()
    }
    crash("archive.tempWritten")
    await rename(temporary, join(folder, name))
  } catch (error) {
    await rm(temporary, { force: true })
    throw error
  }
  const directory = await open(folder)
  try {
    await directory.sync()
  } finally {
    await directory.close()
  }
  crash("archive.written")
}

function unavailable(detail: string): GatehouseError {
  return new GatehouseError("archive_unavailable", detail, { retryAfter: 60 })
}
