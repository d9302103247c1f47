/**
 * Milliseconds of processor time that this thread takes for something, the least of three tries: what else the machine does
 * meanwhile is not in it, nor what is compiled or collected once.
 */
export function cpuTime(run: () => void): number {
  const tries = [1, 2, 3].map(() => {
    const before = process.threadCpuUsage()
    run()
    const { user, system } = process.threadCpuUsage(before)
    return (user + system) / 1000
  })
  return Math.min(...tries)
}
