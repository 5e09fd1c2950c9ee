import fc from "fast-check";
import { expect, test } from "vitest";
import { addressBlock } from "../../../src/lib/address.ts";

// planted: the whole IPv6 address as its own block
test("an IPv6 customer is one /64, in whatever spelling and with whichever of its addresses", () => {
  for (const address of [
    "2001:db8:1:2::1",
    "2001:0DB8:0001:0002:ffff:ffff:ffff:ffff",
    "2001:db8:1:2:0:0:192.0.2.1",
    "2001:db8:1:2::",
    "2001:db8:1:2::5%eth0",
  ]) {
    expect(addressBlock(address), address).toBe("2001:db8:1:2::/64");
  }
  expect(addressBlock("2001:db8:1:3::1")).toBe("2001:db8:1:3::/64");
  expect([addressBlock("::1"), addressBlock("::")]).toEqual(["0:0:0:0::/64", "0:0:0:0::/64"]);
  expect(addressBlock("2001:db8::2:0:0:1")).toBe("2001:db8:0:0::/64");
});

// planted: mapped addresses taken for IPv6, so that all of IPv4 was one block
test("an IPv4 address is itself, mapped into IPv6 or not", () => {
  for (const address of ["192.0.2.1", "::ffff:192.0.2.1", "::FFFF:c000:201", "0:0:0:0:0:ffff:192.0.2.1"]) {
    expect(addressBlock(address), address).toBe("192.0.2.1");
  }
  expect(addressBlock("192.0.2.2")).toBe("192.0.2.2");
  expect(addressBlock("1::ffff:192.0.2.1")).toBe("1:0:0:0::/64");
});

// planted: what is no address as a block of its own
test("what is no address is one block, a missing one too", () => {
  for (const text of [
    "",
    "unknown",
    "1.2.3",
    "1.2.3.256",
    "01.2.3.4",
    "1:2:3:4:5:6:7",
    "1:2:3:4:5:6:7:8:9",
    "1::2::3",
    "1:2:3:4:5:6:7::8",
    "12345::",
    "::1.2.3.4:5",
    "2001:db8:::1",
    "x".repeat(10_000),
  ]) {
    expect(addressBlock(text), text).toBe("none");
  }
});

// planted: groups padded on the wrong side of `::`
test("any spelling of any address gives the block of its first four groups", () => {
  const group = fc.oneof(fc.constant(0), fc.nat(0xffff));
  fc.assert(
    fc.property(fc.array(group, { minLength: 8, maxLength: 8 }), fc.nat(7), fc.nat(7), (groups, from, length) => {
      const to = Math.min(8, from + length);
      fc.pre(groups.slice(0, 5).some((one) => one !== 0) || groups[5] !== 0xffff);
      const text = groups.map((one) => one.toString(16));
      const isShort = to > from && groups.slice(from, to).every((one) => one === 0);
      const short = `${text.slice(0, from).join(":")}::${text.slice(to).join(":")}`;
      expect(addressBlock(isShort ? short : text.join(":"))).toBe(`${text.slice(0, 4).join(":")}::/64`);
    }),
  );
});
