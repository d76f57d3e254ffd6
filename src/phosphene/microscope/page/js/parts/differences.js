// @ts-check
/** How the answers of two networks to the same image differ, in words. */

import { percent } from "../dom.js";

/** @typedef {import("./side.js").Answered} Answered @typedef {import("./answer.js").Guess} Guess */

const FIRST = 5, MOST = 100; // classes of an answer

/**
 * Sentences about two answers, of at most 100 classes each.
 * @param {string} one @param {Answered} first @param {string} other @param {Answered} second
 * @returns {string[]}
 */
export function differences(one, first, other, second) {
  const silent = /** @type {[string, Answered][]} */ ([[one, first], [other, second]]).filter(([, answer]) => !answer.classes.length);
  if (silent.length) return silent.map(([name, answer]) => `${name} names no classes: ${answer.why ?? "it gives no class scores"}.`);
  const [best, rival] = [first.classes[0], second.classes[0]];
  const sentences = [];
  if (named(best) === named(rival)) sentences.push(`Both say ${best.label}: ${one} with ${percent(best.probability)}, ${other} with ${percent(rival.probability)}.`);
  else sentences.push(`${one} says ${best.label} (${percent(best.probability)}), ${other} says ${rival.label} (${percent(rival.probability)}).`,
    `${other} ${placeOf(best, second)}; ${one} ${placeOf(rival, first)}.`);
  const names = new Set(second.classes.slice(0, FIRST).map(named));
  const own = first.classes.slice(0, FIRST), shared = own.filter((guess) => names.has(named(guess)));
  const few = Math.min(own.length, names.size);
  if (few > 1) sentences.push(shared.length === 0 ? `They share none of their first ${few} classes.`
    : `They share ${shared.length} of their first ${few} classes: ${shared.map((guess) => guess.label).join(", ")}.`);
  if (first.head && second.head && first.head !== second.head)
    sentences.push(`Their numbers can't be compared: they are computed in different ways (${first.head}, ${second.head}).`);
  return sentences;
}

/** @param {Guess} guess */
const named = (guess) => guess.label.toLowerCase();

/** Where a class stands in an answer. @param {Guess} guess @param {Answered} answer */
function placeOf(guess, answer) {
  const at = answer.classes.findIndex((each) => named(each) === named(guess));
  if (at >= 0) return `puts ${guess.label} in place ${at + 1} (${percent(answer.classes[at].probability)})`;
  return answer.classes.length < MOST ? `has no class ${guess.label}` : `does not have ${guess.label} among its first ${MOST} classes`;
}
