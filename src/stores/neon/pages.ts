import type { Page } from "../../core/admin.ts";

/** A page of `limit` items out of up to one more than that; the cursor names the last item of the page. */
export function pageOf<Item>(found: readonly Item[], limit: number, cursorOf: (item: Item) => string): Page<Item> {
  const items = found.slice(0, limit);
  const last = items.at(-1);
  return found.length > limit && last !== undefined ? { items, nextCursor: cursorOf(last) } : { items };
}
