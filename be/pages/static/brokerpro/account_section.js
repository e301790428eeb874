// What sections of the account that are drawn anew after each change have in common.

import { $ } from "./dom.js";

/** `change` and `say` of the section with this id, which `show` fills and gives an `.outcome`. */
export function sectionOf(id, show) {
  const outcome = () => $(id).querySelector(".outcome");

  function say(text, kind = "") {
    outcome().textContent = text;
    outcome().className = `outcome ${kind}`;
  }

  /** Do something, show the section anew with what came of it, and say how it went. */
  async function change(button, work, said = "") {
    button.disabled = true;
    try {
      const shown = await work();
      await show($(id));
      if (shown) outcome().after(shown);
      say(said);
    } catch (problem) {
      say(problem.message, "bad");
    } finally {
      button.disabled = false;
    }
  }

  return { change, say };
}
