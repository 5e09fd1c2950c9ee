/** One event that happens at most once, with listeners that may be taken away again. Plain data: no event target, no I/O. */
export interface Once {
  readonly gone: boolean;
  onGone(listener: () => void): () => void;
  leave(): void;
}

/** Tells listeners once, in the order in which they came; one that comes late is told at once. */
export function departure(): Once {
  let gone = false;
  let listeners: (() => void)[] = [];
  return {
    get gone() {
      return gone;
    },
    onGone(listener) {
      if (gone) listener();
      else listeners.push(listener);
      return () => {
        listeners = listeners.filter((kept) => kept !== listener);
      };
    },
    leave() {
      if (gone) return;
      gone = true;
      const told = listeners;
      listeners = [];
      for (const listener of told) listener();
    },
  };
}
