import fc from "fast-check";
import { expect, it } from "vitest";
import { dueKey, generationKey, quarantineKey, recordKey } from "../../../../src/stores/upstash/keys.ts";
import { listed, listedPlain } from "../../../../src/stores/upstash/link.ts";

// planted: a tenant's name put into its keys as it is
it("keys that are written into a call unescaped need no escaping, whatever the tenant is called", () => {
  const tenant = fc.oneof(
    fc.string({ unit: "binary" }),
    fc.constantFrom('a"b', "a\\", "a\nb", "}:due", "\u2028", "\ud800"),
  );
  fc.assert(
    fc.property(tenant, (name) => {
      const keys = [recordKey(name, "req_1"), dueKey(name), generationKey(name), quarantineKey(name)];
      expect(listedPlain(keys)).toBe(listed(keys));
      expect(keys.every((key) => key.startsWith("t:{") && key.indexOf("}") === key.lastIndexOf("}"))).toBe(true);
    }),
  );
});
