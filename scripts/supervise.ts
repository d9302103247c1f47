// Keeps the named services of this copy running in the background: node scripts/supervise.ts redis gatehouse
// Started by `just up` under a lock (flock on run/lock), which keeps a second one away; ended by SIGTERM.
import { rmSync } from "node:fs"
import { readEnvironment } from "../src/platform/config.ts"
import { openHome } from "./stack/home.ts"
import { serviceOf } from "./stack/native.ts"
import { identify, writeState } from "./stack/process-record.ts"
import { stateFile, supervise } from "./stack/supervisor.ts"

const env = readEnvironment()
const home = openHome(env["GATEHOUSE_HOME"] ?? ".gatehouse")
const services = process.argv.slice(2).map((name) => serviceOf(name, home, env))

const stopping = new AbortController()
for (const name of ["SIGTERM", "SIGINT"] as const) process.on(name, () => stopping.abort())
const state = stateFile(home, "supervisor")
writeState(state, { process: identify(process.pid)!, exits: 0, lastExit: null })
await supervise(services, home, stopping.signal, (line) => console.log(`${new Date().toISOString()} ${line}`))
rmSync(state, { force: true })
