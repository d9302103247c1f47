import { variableText } from "../../src/platform/config-report.ts"
import { variables } from "../../src/platform/config.ts"

const header = `# Every variable that Gatehouse reads, with its meaning and default. Written by \`just env-example\`; do not edit.
# \`just up\` makes .env with the secrets by itself. Put other settings there; the environment wins over the file.
`

/** Text of `.env.example`: each variable with its meaning; what has a default or may be absent is commented out. */
export function environmentExample(): string {
  const entries = Object.entries(variables).map(([name, schema]) => {
    const parsed = schema.safeParse(undefined)
    const line = parsed.success ? `# ${name}=${variableText(parsed.data)}` : `${name}=`
    return `\n# ${schema.description ?? ""}\n${line}\n`
  })
  return header + entries.join("")
}
