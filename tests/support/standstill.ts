// Preloaded into the processes of the tests (`just test-standstill`): about once a second each stands still, as on a machine that
// others load. Who is red then took a delay of its own for something else.
const { STANDSTILL_MS = "" } = process.env
if (!/^[1-9]\d{0,4}$/.test(STANDSTILL_MS))
  throw new Error(`just test-standstill <milliseconds> [files]: "${STANDSTILL_MS}" is no number of milliseconds`)
const milliseconds = Number(STANDSTILL_MS)
const nothing = new Int32Array(new SharedArrayBuffer(4))
setInterval(() => {
  if (Math.random() < 0.1) Atomics.wait(nothing, 0, 0, milliseconds)
}, 100).unref()
