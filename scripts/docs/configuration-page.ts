import { code, generatedPage, markdownTable, prose } from "./markdown.ts"
import { variableText } from "../../src/platform/config-report.ts"
import { variables } from "../../src/platform/config.ts"

/** Table of every environment variable with its default. */
export function configurationPage(): string {
  const rows = Object.entries(variables).map(([name, schema]) => {
    const parsed = schema.safeParse(undefined)
    return [code(name), parsed.success ? code(variableText(parsed.data)) : "required", prose(schema.description ?? "")]
  })
  return generatedPage("Configuration", "src/platform/config.ts", [
    "Variables of the environment win over those in `.env`; `GATEHOUSE_ENV_FILE` names another file than `.env`. An empty value\n" +
      "counts as unset. A wrong value stops the start, with the variable's name and the reason.",
    "`just up` makes `.env` with the secrets. What is set while Gatehouse runs, such as proxies and tokens, is never configuration.",
    markdownTable(["variable", "default", "meaning"], rows),
  ])
}
