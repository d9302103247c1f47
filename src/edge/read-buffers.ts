/** Where upstream sockets read into. Small answers share one buffer; large ones get buffers that are passed on without a copy. */
export interface ReadBuffers {
  /** Filled and looked at in one step of the event loop; whatever is kept of it must be copied. */
  readonly shared: Buffer
  take(): Buffer
  /** Takes back a buffer that nobody looks at any more. */
  give(buffer: Buffer): void
}

const size = 65_536
const mostSpare = 32

/** One set for all upstream connections. */
export function readBuffers(): ReadBuffers {
  const spare: Buffer[] = []
  return {
    shared: Buffer.allocUnsafeSlow(size),
    take: () => spare.pop() ?? Buffer.allocUnsafeSlow(size),
    give(buffer) {
      if (spare.length < mostSpare) spare.push(buffer)
    },
  }
}

/** How one connection reads. */
export interface Reading {
  /** The buffer of the next read. */
  current: Buffer
  /** Large reads are worth a buffer of their own. */
  bulk: boolean
  /** Writes under way that look into `current`; it must not be read into again. */
  leased: boolean
}

/** Chooses the buffer of the next read. */
export function nextBuffer(reading: Reading, buffers: ReadBuffers): Buffer {
  const { current, leased } = reading
  reading.leased = false
  if (reading.bulk) {
    if (leased || current === buffers.shared) reading.current = buffers.take()
  } else if (current !== buffers.shared) {
    if (!leased) buffers.give(current)
    reading.current = buffers.shared
  }
  return reading.current
}

// Below this a copy is cheaper than a buffer that travels.
const worthLending = 16_384

/** Hands stretches of a read on to a writer. */
export interface Lender {
  (start: number, end: number): boolean
}

/**
 * Writes stretches of what was read: by reference where the buffer can be spared until they are written, else as copies.
 * @param write returns false when the writer's queue is full
 */
export function lender(
  bytes: Buffer,
  reading: Reading,
  buffers: ReadBuffers,
  write: (chunk: Buffer, written?: (error?: Error | null) => void) => boolean,
): Lender {
  let left = 0
  const written = (error?: Error | null) => {
    left -= 1
    if (left === 0 && (error === undefined || error === null)) buffers.give(bytes)
  }
  return (start, end) => {
    if (end - start >= worthLending) {
      reading.bulk = true
      if (bytes === reading.current && bytes !== buffers.shared) {
        reading.leased = true
        left += 1
        return write(bytes.subarray(start, end), written)
      }
    }
    return write(Buffer.from(bytes.subarray(start, end)))
  }
}
