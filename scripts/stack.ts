// Runs and looks after this copy of Gatehouse: node scripts/stack.ts <verb> [argument ...]; the verbs are below.
import { loadConfig, ConfigError, readEnvironment, type Config } from "../src/platform/config.ts"
import { composeDown, composeUp, compose, runsInCompose } from "./stack/compose.ts"
import { develop } from "./stack/develop.ts"
import { ensureEnvironmentFile } from "./stack/environment-file.ts"
import { hasData, openHome } from "./stack/home.ts"
import { administratorIsKnown, startGatehouse, startRedis, stopAll, whatRuns, type Copy } from "./stack/native.ts"
import { Misuse, Refusal } from "./stack/refusal.ts"
import { summary } from "./stack/summary.ts"
import { showLogs, openShell, openWebUi, redisClient } from "./stack/terminal.ts"

const patience = 120_000

function thisCopy(): Copy {
  const env = readEnvironment()
  return { home: openHome(env["GATEHOUSE_HOME"] ?? ".gatehouse"), env }
}

/** Creates what is missing in `.env` and reads the configuration. */
function prepared(): { copy: Copy; config: Config } {
  const file = process.env["GATEHOUSE_ENV_FILE"] ?? ".env"
  const before = readEnvironment()
  const added = ensureEnvironmentFile(file, process.env, hasData(before["GATEHOUSE_HOME"] ?? ".gatehouse"))
  if (added.length > 0) console.log(`${file}: made ${added.join(", ")}`)
  return { copy: thisCopy(), config: loadConfig(readEnvironment()) }
}

async function up(mode: string | undefined): Promise<void> {
  if (mode !== undefined && mode !== "docker" && mode !== "native")
    throw new Misuse(`up takes nothing or docker, not ${mode}`)
  const { copy, config } = prepared()
  const inCompose = runsInCompose(copy.home)
  if (mode === "docker" || (mode === undefined && inCompose)) {
    if (whatRuns(copy.home) !== "nothing") throw new Refusal("this copy runs without containers; first: just down")
    await composeUp(copy, config, patience)
  } else {
    if (inCompose) throw new Refusal("this copy runs in containers; first: just down")
    await startGatehouse(copy, config, patience)
  }
  if (config.ADMIN_TOKEN !== undefined && !(await administratorIsKnown(config)))
    console.error("gatehouse: ADMIN_TOKEN is not accepted yet; see: just health, just logs")
  console.log(summary(copy, config))
}

async function down(): Promise<boolean> {
  const copy = thisCopy()
  const inCompose = runsInCompose(copy.home)
  if (inCompose) await composeDown(copy)
  const ended = await stopAll(copy)
  console.log(ended.length > 0 || inCompose ? "Gatehouse is down; its data stays." : "Nothing runs here.")
  return inCompose
}

const verbs: Record<string, (args: readonly string[]) => Promise<void> | void> = {
  setup: () => void prepared(),
  up: ([mode]) => up(mode),
  down: async () => void (await down()),
  restart: async () => up((await down()) ? "docker" : undefined),
  rebuild: async ([service]) => {
    if (service !== undefined && service !== "proxy" && service !== "redis")
      throw new Misuse(`there is no service ${service}: proxy or redis; just rebuild world folds the log anew`)
    const copy = thisCopy()
    if (!runsInCompose(copy.home)) return up((await down()) ? "docker" : undefined)
    await compose(copy, ["up", "--detach", "--build", "--force-recreate", "--no-deps", service ?? "proxy"])
  },
  "redis-up": async () => {
    const { copy, config } = prepared()
    console.log(`Redis answers on 127.0.0.1:${await startRedis(copy, config)} (just redis-cli)`)
  },
  dev: async () => {
    const { copy, config } = prepared()
    await develop(copy, config)
  },
  logs: (given) => {
    const [service, ...more] = given.filter((one) => one !== "follow=true" && one !== "follow=false")
    if (more.length > 0 || service?.includes("=") === true) throw new Misuse("logs takes a service and follow=false")
    return showLogs(thisCopy(), service, !given.includes("follow=false"))
  },
  shell: () => openShell(thisCopy()),
  "redis-cli": (args) => redisClient(thisCopy(), loadConfig(readEnvironment()), args),
  "web-ui": () => openWebUi(thisCopy()),
}

const [verb = "", ...args] = process.argv.slice(2)
try {
  const action = verbs[verb]
  if (action === undefined) throw new Misuse(`there is no ${verb}; there are ${Object.keys(verbs).join(", ")}`)
  await action(args.filter((arg) => arg !== ""))
} catch (error) {
  if (!(error instanceof Refusal || error instanceof ConfigError)) throw error
  console.error(`gatehouse: ${error.message}`)
  process.exitCode ??= error instanceof Refusal ? error.exitCode : 1
}
