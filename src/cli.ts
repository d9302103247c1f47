import { createInterface } from "node:readline/promises"
import { ConfigError, readEnvFileNames, readEnvironment } from "./platform/config.ts"
import { exitCodes } from "./cli/failure.ts"
import { run } from "./cli/run.ts"

/** The command line: a client of the admin API, generated from its endpoint table. `node src/cli.ts --help` */
async function main(): Promise<number> {
  const env = readEnvironment()
  return run(process.argv.slice(2), {
    env,
    envFile: readEnvFileNames(),
    interactiveInput: process.stdin.isTTY && process.stderr.isTTY,
    interactiveOutput: process.stdout.isTTY,
    write: (text) => void process.stdout.write(text),
    error: (text) => void process.stderr.write(text),
    async ask(question) {
      const reader = createInterface({ input: process.stdin, output: process.stderr })
      try {
        return await reader.question(question)
      } finally {
        reader.close()
      }
    },
  })
}

// A reader that has seen enough (`| head`) is no error.
process.stdout.on("error", (error: NodeJS.ErrnoException) =>
  process.exit(error.code === "EPIPE" ? exitCodes.done : exitCodes.apiError),
)

try {
  process.exitCode = await main()
} catch (error) {
  if (!(error instanceof ConfigError)) throw error
  process.stderr.write(`usage: ${error.message}\n`)
  process.exitCode = exitCodes.usage
}
