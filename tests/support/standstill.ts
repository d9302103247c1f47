// Preloaded into the processes of the tests (`just test-standstill`): about once a second each stands still, as on a machine that
// others load. Who is red then took a delay of its own for something else.
const milliseconds = Number(process.env["STANDSTILL_MS"])
const nothing = new Int32Array(new SharedArrayBuffer(4))
setInterval(() => {
  if (Math.random() < 0.1) Atomics.wait(nothing, 0, 0, milliseconds)
}, 100).unref()
