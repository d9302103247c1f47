import { exampleOf, typeOf } from "./schema-view.js"
import { element } from "./element.js"

const shownHeaders = ["content-type", "location", "etag", "x-event-position", "retry-after", "x-request-id"]
/** Characters of an answer that are shown. */
const limit = 1_000_000

/** A form that makes one call, and its answer. @param token gives the token typed into the page */
export function tryCall({ method, path, operation, spec, token }) {
  const inputs = operation.parameters.map((parameter) => ({ parameter, input: inputFor(parameter) }))
  const schema = operation.requestBody?.content["application/json"].schema
  const body =
    schema &&
    element(
      "textarea",
      { rows: "6", "aria-label": "Body", spellcheck: "false" },
      JSON.stringify(exampleOf(schema, spec), null, 2),
    )
  const status = element("p", { role: "status" })
  const answer = element("pre", { class: "answer", hidden: true })
  let stopping = new AbortController()
  const stop = element("button", { type: "button", hidden: true, click: () => stopping.abort() }, "Stop")

  async function send(event) {
    event.preventDefault()
    stopping.abort()
    stopping = new AbortController()
    const { signal } = stopping
    stop.hidden = false
    answer.hidden = false
    answer.textContent = ""
    status.textContent = "…"
    try {
      const response = await fetch(target(path, inputs), {
        method,
        headers: headersOf(inputs, token(), body !== undefined),
        body: body?.value,
        signal,
        credentials: "omit",
        cache: "no-store",
      })
      const headers = shownHeaders.filter((name) => response.headers.has(name))
      status.textContent = [
        `${response.status} ${response.statusText}`,
        ...headers.map((name) => `${name}: ${response.headers.get(name)}`),
      ].join(" · ")
      await show(response, answer)
    } catch (error) {
      status.textContent = signal.aborted ? "Stopped." : String(error)
    } finally {
      stop.hidden = true
    }
  }

  return element(
    "form",
    { submit: (event) => void send(event) },
    element("div", { class: "fields" }, ...inputs.flatMap(({ parameter, input }) => [labelOf(parameter), input])),
    body ?? "",
    element("p", {}, element("button", {}, `Send ${method}`), " ", stop),
    status,
    answer,
  )
}

function labelOf({ name, in: place, required, description }) {
  const star = required ? " *" : ""
  return element("span", { title: description }, element("code", {}, name), `${star} `, element("small", {}, place))
}

function inputFor({ name, in: place, required, schema }) {
  const label = { "aria-label": name, name, "data-in": place }
  const options = schema.type === "boolean" ? ["true", "false"] : schema.enum
  if (options === undefined)
    return element("input", {
      ...label,
      required,
      placeholder: typeOf(schema),
      autocomplete: "off",
      spellcheck: "false",
    })
  return element(
    "select",
    label,
    element("option", { value: "" }),
    ...options.map((value) => element("option", {}, value)),
  )
}

function given(inputs, place) {
  return inputs
    .filter(({ parameter, input }) => parameter.in === place && input.value !== "")
    .map(({ parameter, input }) => [parameter.name, input.value])
}

function target(path, inputs) {
  const values = Object.fromEntries(given(inputs, "path"))
  const query = new URLSearchParams(given(inputs, "query")).toString()
  const filled = path.replaceAll(/\{(\w+)\}/g, (_, name) => encodeURIComponent(values[name] ?? ""))
  return query === "" ? filled : `${filled}?${query}`
}

function headersOf(inputs, token, hasBody) {
  return new Headers([
    ...given(inputs, "header"),
    ...(token === "" ? [] : [["authorization", `Bearer ${token}`]]),
    ...(hasBody ? [["content-type", "application/json"]] : []),
  ])
}

/** Text as it comes: an event stream shows before it ends. JSON is indented at its end. */
async function show(response, answer) {
  if (response.body === null) return
  for await (const chunk of response.body.pipeThrough(new TextDecoderStream())) {
    answer.append(chunk)
    if (answer.textContent.length > limit) throw new Error(`The answer has more than ${limit} characters.`)
  }
  if (!/json/.test(response.headers.get("content-type") ?? "")) return
  answer.textContent = JSON.stringify(JSON.parse(answer.textContent), null, 2)
}
