// Runs the tests and ends with one line, "N passed, N failed": node scripts/test.ts [vitest argument ...]
import { spawn } from "node:child_process"
import { once } from "node:events"
import { mkdirSync, rmSync } from "node:fs"
import { variables } from "../src/platform/config.ts"
import { readText } from "./stack/environment-file.ts"
import { countTests, lineOf } from "./stack/test-report.ts"

const report = ".gatehouse/test-report.json"
mkdirSync(".gatehouse", { recursive: true, mode: 0o700 })
rmSync(report, { force: true })

// What is set for a copy that runs here must not reach the ones that tests start.
const env: NodeJS.ProcessEnv = { ...process.env, GATEHOUSE_ENV_FILE: "/dev/null" }
for (const name of Object.keys(variables)) delete env[name]

const args = ["run", "--reporter=default", "--reporter=json", `--outputFile.json=${report}`, ...process.argv.slice(2)]
const child = spawn("vitest", args, { stdio: "inherit", env })
for (const name of ["SIGINT", "SIGTERM"] as const) process.on(name, () => child.kill(name))
const [code] = (await once(child, "exit")) as [number | null]
const counts = countTests(readText(report))
// Tests that a name pattern leaves out are not skipped ones.
console.log(lineOf(args.includes("-t") ? { ...counts, skipped: 0 } : counts))
process.exitCode = code === 0 && counts.failed === 0 && counts.passed > 0 ? 0 : 1
