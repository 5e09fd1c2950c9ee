/** Whom an address stands for, when one customer holds it: a whole IPv4 address, an IPv6 /64. */

/** What is not an address is nobody in particular: all of it is one block. */
const NO_ADDRESS = "none";

/**
 * An IPv4 address as it is, an IPv6 one as the four groups of its /64 (RFC 5952's digits), since a /64 is the least that a network gives one
 * customer, who may then use 2^64 addresses (RFC 6177, RFC 7421). IPv4-mapped addresses (`::ffff:192.0.2.1`) are IPv4. A zone is left out.
 */
export function addressBlock(address: string): string {
  if (isIpv4(address)) return address;
  const groups = ipv6Groups(address.split("%", 1)[0] ?? "");
  if (groups === undefined) return NO_ADDRESS;
  const [first = 0, , , , , marker, high = 0, low = 0] = groups;
  const isMapped = marker === 0xffff && first === 0 && groups.slice(0, 5).every((group) => group === 0);
  if (isMapped) return [high >> 8, high & 0xff, low >> 8, low & 0xff].join(".");
  return `${groups
    .slice(0, 4)
    .map((group) => group.toString(16))
    .join(":")}::/64`;
}

function isIpv4(text: string): boolean {
  const parts = text.split(".");
  return parts.length === 4 && parts.every((part) => /^(0|[1-9]\d{0,2})$/.test(part) && Number(part) <= 255);
}

/** The eight groups of an IPv6 address in any of its spellings (RFC 4291, 2.2). */
function ipv6Groups(text: string): readonly number[] | undefined {
  const [head = "", tail, ...more] = text.split("::");
  if (more.length > 0) return undefined;
  const before = groupsOf(head);
  const after = tail === undefined ? [] : groupsOf(tail);
  if (before === undefined || after === undefined) return undefined;
  const missing = 8 - before.length - after.length;
  // `::` stands for at least one group; without it nothing may be missing.
  if (tail === undefined ? missing !== 0 : missing < 1) return undefined;
  return [...before, ...Array<number>(missing).fill(0), ...after];
}

/** Groups between colons; the last may be an IPv4 address, which is two. */
function groupsOf(text: string): readonly number[] | undefined {
  if (text === "") return [];
  const groups: number[] = [];
  const parts = text.split(":");
  for (const [index, part] of parts.entries()) {
    if (index === parts.length - 1 && isIpv4(part)) {
      const [a = 0, b = 0, c = 0, d = 0] = part.split(".").map(Number);
      groups.push(a * 256 + b, c * 256 + d);
    } else if (/^[0-9a-f]{1,4}$/i.test(part)) {
      groups.push(Number.parseInt(part, 16));
    } else return undefined;
  }
  return groups;
}
