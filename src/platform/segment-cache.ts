import type { Segment, SegmentFile } from "./segment.ts"

/** Segments that were read lately. */
export interface SegmentCache {
  load(file: SegmentFile): Promise<Segment>
  /** Those that need no reading. */
  kept(): readonly SegmentFile[]
}

/**
 * Reads one segment at a time, whoever asks, and keeps the text of those that were used last: memory does not grow with the
 * number of readers.
 * @param most bytes of text
 */
export function segmentCache(read: (file: SegmentFile) => Promise<Segment>, most: number): SegmentCache {
  const kept = new Map<string, { readonly file: SegmentFile; readonly segment: Segment }>()
  const loading = new Map<string, Promise<Segment>>()
  let last: Promise<unknown> = Promise.resolve()

  const keep = (file: SegmentFile, segment: Segment) => {
    kept.delete(file.name)
    kept.set(file.name, { file, segment })
    let size = [...kept.values()].reduce((sum, one) => sum + one.segment.size, 0)
    for (const [name, one] of kept) {
      if (size <= most || name === file.name) break
      kept.delete(name)
      size -= one.segment.size
    }
    return segment
  }
  return {
    kept: () => [...kept.values()].map(({ file }) => file),
    load(file) {
      const known = kept.get(file.name)
      if (known !== undefined) return Promise.resolve(keep(file, known.segment))
      const under = loading.get(file.name)
      if (under !== undefined) return under
      const next = last
        .then(() => read(file))
        .then((segment) => keep(file, segment))
        .finally(() => loading.delete(file.name))
      loading.set(file.name, next)
      last = next.catch(() => undefined)
      return next
    },
  }
}
