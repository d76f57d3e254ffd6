// @ts-check
/** Questions of which only the latest counts: asking anew ends the one before, so that no old answer comes after a new one. */

export class Turns {
  /** @param {AbortSignal} [whole] ends all of them */
  constructor(whole) {
    this.whole = whole;
    /** @type {AbortController | null} */
    this.now = null;
  }

  /** The signal of a new question, which ends the one before. */
  next() {
    this.now?.abort();
    this.now = new AbortController();
    return this.whole ? AbortSignal.any([this.now.signal, this.whole]) : this.now.signal;
  }

  /** Ends the question that is asked now. */
  end() {
    this.now?.abort();
  }
}
