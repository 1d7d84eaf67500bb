/**
 * Whether the transcript follows its end. Pure: facts about scrolling in, a decision out.
 *
 * Text that arrives never moves what a person reads: following ends when they scroll up, by whatever means, and begins
 * again when they come back to the end.
 */
export interface Place {
  top: number;
  height: number;
  view: number;
}

/** So near to the end counts as being there. */
const NEAR = 8;
/** For so long after a move upwards by hand, being near the end does not count: a smooth scroll begins slowly. */
const LEAVING = 250;

export class Follow {
  following = true;
  #last: Place = { top: 0, height: 0, view: 0 };
  #leftAt = -Infinity;

  /** The person moves upwards: wheel, keys, or the scroll bar. */
  leave(now: number): void {
    this.following = false;
    this.#leftAt = now;
  }

  /** The scroll position changed, through whomever. */
  scrolled(place: Place, now: number): void {
    const last = this.#last;
    this.#last = place;
    if (place.height - place.top - place.view <= NEAR) {
      if (now - this.#leftAt > LEAVING) this.following = true;
    } else if (place.top < last.top - 1 && place.height >= last.height) {
      // Shrinking content also moves the position upwards; that is not the person.
      this.following = false;
    }
  }
}
