/**
 * Whether the transcript follows its end. Pure: facts about scrolling in, a decision out.
 *
 * Text that arrives never moves what a person reads: following ends when they scroll up, by whatever means, and begins
 * again when they come back to the end. What the layout does by itself (a narrower column, a card that comes or goes, a
 * row measured anew) also moves the position, and is told from the person by what changed with it.
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

  /** The person moves upwards: wheel or keys. */
  leave(now: number): void {
    this.following = false;
    this.#leftAt = now;
  }

  /** The position was put at the end, or is as the layout left it: what comes next is measured against it. */
  placed(place: Place): void {
    this.#last = place;
  }

  /** The scroll position changed, through whomever. `byHand`: the person's pointer or a key of theirs is down. */
  scrolled(place: Place, byHand: boolean, now: number): void {
    const last = this.#last;
    this.#last = place;
    if (place.height - place.top - place.view <= NEAR) {
      if (now - this.#leftAt > LEAVING) this.following = true;
      return;
    }
    if (place.top >= last.top - 1) return;
    // Only the layout changes heights, and it moves the position with them; a person changes the position alone, or
    // while the text streams. Shrinking content moves it upwards even under a hand.
    const laidOut = place.height !== last.height || place.view !== last.view;
    if (!laidOut || (byHand && place.height >= last.height)) this.following = false;
  }
}
