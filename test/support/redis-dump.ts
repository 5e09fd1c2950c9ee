import type { TestStack } from "./stack.ts";

type Reply = { readonly result?: unknown; readonly error?: string };

/** Runs commands at the stack's Redis, past the gateway. */
export async function redisCommands(stack: TestStack, commands: readonly (readonly string[])[]): Promise<unknown[]> {
  if (commands.length === 0) return [];
  const response = await fetch(`${stack.redis?.url}/pipeline`, {
    method: "POST",
    headers: { authorization: `Bearer ${stack.redis?.gatewayToken}`, "content-type": "application/json" },
    body: JSON.stringify(commands),
  });
  if (!response.ok) throw new Error(`redis answered ${response.status}: ${await response.text()}`);
  return ((await response.json()) as Reply[]).map(({ result, error }) => {
    if (error !== undefined) throw new Error(error);
    return result;
  });
}

const READERS: Readonly<Record<string, (key: string) => readonly string[]>> = {
  string: (key) => ["GET", key],
  hash: (key) => ["HGETALL", key],
  zset: (key) => ["ZRANGE", key, "0", "-1", "WITHSCORES"],
  list: (key) => ["LRANGE", key, "0", "-1"],
  set: (key) => ["SMEMBERS", key],
  stream: (key) => ["XRANGE", key, "-", "+"],
};

/** Every key that fits `pattern`, with its whole value as JSON text. */
export async function redisDump(stack: TestStack, pattern = "*"): Promise<ReadonlyMap<string, string>> {
  const [found] = await redisCommands(stack, [["KEYS", pattern]]);
  const keys = (found as string[]).toSorted((a, b) => (a < b ? -1 : 1));
  const types = await redisCommands(
    stack,
    keys.map((key) => ["TYPE", key]),
  );
  const values = await redisCommands(
    stack,
    keys.map((key, index) => READERS[String(types[index])]?.(key) ?? ["GET", key]),
  );
  return new Map(keys.map((key, index) => [key, JSON.stringify(values[index])]));
}
