/**
 * One element. Attributes are set by name, functions become event listeners; children are elements or texts, and a text is
 * always a text node: nothing that came from outside is ever read as markup.
 */
export function element(name, attributes = {}, ...children) {
  const made = document.createElement(name)
  for (const [key, value] of Object.entries(attributes)) {
    if (typeof value === "function") made.addEventListener(key, value)
    else if (value === true) made.setAttribute(key, "")
    else if (value !== false && value !== undefined) made.setAttribute(key, value)
  }
  made.append(...children.flat().filter((child) => child !== undefined && child !== ""))
  return made
}
