/**
 * Collects what arrives and hands it on together after `delayMs`: for sinks whose cost is per call.
 * @param most pieces that wait; what comes beyond is dropped, as the sink counts and does not decide
 * @param failed told of a sink that did not take what it was given
 */
export function spool<T>(
  sink: (pieces: readonly T[]) => Promise<void>,
  delayMs: number,
  most: number,
  failed: (error: unknown) => void,
): (pieces: readonly T[]) => void {
  let waiting: T[] = []
  let timer: NodeJS.Timeout | undefined
  const hand = () => {
    timer = undefined
    const pieces = waiting
    waiting = []
    sink(pieces).catch(failed)
  }
  return (pieces) => {
    for (const piece of pieces) if (waiting.length < most) waiting.push(piece)
    timer ??= setTimeout(hand, delayMs).unref()
  }
}
