// @ts-check
/** Elements made in one call, and small things that every part of the page needs. */

/**
 * An element with properties and children. `class`, `for`, `role`, `aria-*`, `data-*` and `style` are attributes,
 * `on*` are listeners, everything else is a property.
 * @param {string} tag
 * @param {Record<string, any>} [properties]
 * @param {...(Node | string | number | null | undefined | false)} children
 * @returns {any}
 */
export function el(tag, properties = {}, ...children) {
  const element = document.createElement(tag);
  for (const [name, value] of Object.entries(properties)) {
    if (value === null || value === undefined || value === false) continue;
    if (name.startsWith("on")) element.addEventListener(name.slice(2), value);
    else if (name === "class" || name === "style" || name === "for" || name === "role" || name === "list" || name.includes("-"))
      element.setAttribute(name, value === true ? "" : String(value));
    else /** @type {any} */ (element)[name] = value;
  }
  element.append(...children.filter((child) => child !== null && child !== undefined && child !== false).map((child) =>
    child instanceof Node ? child : String(child)));
  return element;
}

/** Replaces what an element holds. @param {Element} element @param {...any} children */
export function fill(element, ...children) {
  element.replaceChildren(...children.filter((child) => child !== null && child !== undefined && child !== false));
}

/**
 * A number as people read it: four significant digits at most, thousands apart.
 * @param {number | null | undefined} value
 */
export function compact(value) {
  if (value === null || value === undefined || Number.isNaN(value)) return "none";
  if (!Number.isFinite(value)) return value > 0 ? "infinity" : "−infinity";
  const size = Math.abs(value);
  if (size !== 0 && (size < 0.001 || size >= 1e6)) return value.toExponential(2).replace("-", "−").replace("e+", "e");
  return Number(value.toPrecision(3)).toLocaleString("en", { maximumFractionDigits: 6 }).replace("-", "−");
}

/** A probability in percent. @param {number} probability */
export function percent(probability) {
  if (probability > 0 && probability < 0.0005) return "< 0.1 %";
  if (probability >= 0.9995 && probability < 1) return "> 99.9 %";
  return `${(100 * probability).toFixed(1)} %`;
}

/** "1 unit", "2 units". @param {number} count @param {string} noun */
export function counted(count, noun) {
  return `${count.toLocaleString("en")} ${noun}${count === 1 ? "" : "s"}`;
}

/**
 * A function that runs at most once a frame, with its latest arguments.
 * @template {any[]} A
 * @param {(...args: A) => void} run
 * @returns {(...args: A) => void}
 */
export function onceAFrame(run) {
  /** @type {A | null} */
  let latest = null;
  return (...args) => {
    if (latest === null) requestAnimationFrame(() => {
      const given = /** @type {A} */ (latest);
      latest = null;
      run(...given);
    });
    latest = args;
  };
}

/** Whether the reader wants less motion. */
export const calm = () => matchMedia("(prefers-reduced-motion: reduce)").matches;
