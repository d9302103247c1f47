import { schemaView, typeOf } from "./schema-view.js"
import { element } from "./element.js"
import { tryCall } from "./try-call.js"

const list = document.querySelector("#operations")
const tokenInput = document.querySelector("#token")
const find = document.querySelector("#find")

/** Operations of an OpenAPI document by tag. */
function byTag(spec) {
  const operations = Object.entries(spec.paths).flatMap(([path, methods]) =>
    Object.entries(methods).map(([method, operation]) => ({ path, method: method.toUpperCase(), operation, spec })),
  )
  return Map.groupBy(operations, ({ operation }) => operation.tags[0])
}

function operationView(entry) {
  const { method, path, operation } = entry
  const summary = element(
    "summary",
    {},
    element("span", { class: `method ${method.toLowerCase()}` }, method),
    element("code", {}, path),
    " ",
    element("span", { class: "what" }, operation.summary),
  )
  const view = element("details", { class: "operation", id: operation.operationId }, summary)
  view.addEventListener("toggle", () => view.append(details(entry)), { once: true })
  return view
}

function details({ method, path, operation, spec }) {
  const body = operation.requestBody?.content["application/json"].schema
  return element(
    "div",
    {},
    element("p", {}, operation.description),
    ...parameterList(operation),
    ...(body === undefined ? [] : [element("h3", {}, "Body"), schemaView(body, spec)]),
    element("h3", {}, "Answers"),
    ...Object.entries(operation.responses).map(([status, response]) => answerView(status, response, spec)),
    element("h3", {}, "Try it"),
    tryCall({ method, path, operation, spec, token: () => tokenInput.value.trim() }),
  )
}

function parameterList({ parameters }) {
  if (parameters.length === 0) return []
  const items = parameters.map(({ name, in: place, required, schema, description }) =>
    element(
      "li",
      {},
      element("code", {}, name),
      required ? "" : "?",
      " ",
      element("span", { class: "note" }, `${place} · ${typeOf(schema)}`),
      description === undefined ? "" : ` · ${description}`,
    ),
  )
  return [element("h3", {}, "Parameters"), element("ul", { class: "schema" }, ...items)]
}

/** Text whose `quoted` parts are code. */
function marked(text) {
  return text.split(/`([^`]+)`/).map((part, index) => (index % 2 === 1 ? element("code", {}, part) : part))
}

function answerView(status, { description, content }, spec) {
  const schema = content === undefined ? undefined : Object.values(content)[0].schema
  const line = [element("code", {}, status), " ", element("span", { class: "note" }, ...marked(description))]
  if (schema === undefined) return element("p", {}, ...line)
  const view = element("details", {}, element("summary", {}, ...line))
  view.addEventListener("toggle", () => view.append(schemaView(schema, spec)), { once: true })
  return view
}

function filter() {
  const words = find.value.toLowerCase().split(/\s+/)
  for (const section of list.querySelectorAll("section")) {
    const operations = [...section.querySelectorAll("details.operation")]
    for (const operation of operations) {
      const text = `${operation.id} ${operation.querySelector("summary").textContent}`.toLowerCase()
      operation.hidden = !words.every((word) => text.includes(word))
    }
    section.hidden = operations.every(({ hidden }) => hidden)
  }
}

/** Opens the operation that the address names: `/api#createProxy`. */
function openNamed() {
  const named = document.getElementById(decodeURIComponent(location.hash.slice(1)))
  if (named === null || named.tagName !== "DETAILS") return
  named.open = true
  named.scrollIntoView()
}

async function start() {
  const response = await fetch("/api/v1/openapi.json", { credentials: "omit" })
  const spec = await response.json()
  const sections = [...byTag(spec)].map(([tag, operations]) =>
    element("section", {}, element("h2", {}, tag), ...operations.map(operationView)),
  )
  list.replaceChildren(...sections)
  find.addEventListener("input", filter)
  addEventListener("hashchange", openNamed)
  openNamed()
}

start().catch((error) => list.replaceChildren(element("p", { role: "alert" }, `The API cannot be shown: ${error}`)))
