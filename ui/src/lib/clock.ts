/**
 * Shared timers. A timer runs only while something on the screen reads it, and there is one per granularity: an idle
 * window has none.
 */
import { createSubscriber } from "svelte/reactivity";

class Ticker {
  #subscribe: () => void;

  constructor(period: number) {
    this.#subscribe = createSubscriber((update) => {
      const timer = setInterval(update, period);
      return () => clearInterval(timer);
    });
  }

  /** Unix milliseconds; whoever reads it in an effect or template is run again at each tick. */
  get now(): number {
    this.#subscribe();
    return Date.now();
  }
}

/** For what is counted in seconds while it happens: a running command, a waiting question. */
export const everySecond = new Ticker(1_000);
/** For relative times. */
export const everyMinute = new Ticker(60_000);
