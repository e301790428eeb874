// The page's elements. Data gets in as text only, never as markup.

export const $ = (id) => document.getElementById(id);

/** A new element: `element("td", { className: "n" }, "1.50")`. Strings become text nodes. */
export function element(tag, properties = {}, ...children) {
  const made = Object.assign(document.createElement(tag), properties);
  made.append(...children);
  return made;
}

/** Write text, and colour it by the sign it starts with. */
export function writeSigned(target, text) {
  target.textContent = text;
  target.classList.toggle("up", text.startsWith("+"));
  target.classList.toggle("down", text.startsWith("−"));
}
