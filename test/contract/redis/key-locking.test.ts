import { createHash } from "node:crypto";
import type { Redis } from "@upstash/redis";
import { afterAll, beforeAll, beforeEach, describe, expect, test } from "vitest";
import type { RedisEndpoint } from "../../../dev/redis/main.ts";
import { clientOf, forms, post, startForm } from "./forms.ts";

const DATABASE = 6;
const LOCKING = "#!lua flags=allow-key-locking\n";
const sha1 = (text: string) => createHash("sha1").update(text).digest("hex");

describe.each(forms)("key-locking scripts on %s", (form) => {
  let endpoint: RedisEndpoint;
  let redis: Redis;
  /** The reply as it is on the wire, or the error's text. */
  const evaluate = async (script: string, keys: readonly string[] = [], args: readonly (string | number)[] = []) => {
    const { body } = await post(endpoint, "/", ["EVAL", script, keys.length, ...keys, ...args]);
    const { result, error } = body as { result?: unknown; error?: string };
    return error ?? result;
  };

  beforeAll(async () => {
    endpoint = await startForm(form, DATABASE);
    redis = clientOf(endpoint);
  });
  beforeEach(() => endpoint.control({ flush: true, scriptFlush: true }));
  afterAll(() => endpoint.close());

  // planted: the client's SHA sent to the server untranslated
  test("a key-locking script is found by the SHA of its full text, until the scripts are flushed", async () => {
    const script = `${LOCKING}return redis.call('INCR', KEYS[1])`;
    const sha = sha1(script);
    await expect(redis.evalsha(sha, ["n"], [])).rejects.toThrow("NOSCRIPT No matching script. Please use EVAL.");
    expect(await redis.eval(script, ["n"], [])).toBe(1);
    expect(await redis.evalsha(sha, ["n"], [])).toBe(2);
    expect(await redis.evalsha(sha.toUpperCase(), ["n"], [])).toBe(3);
    await endpoint.control({ scriptFlush: true });
    await expect(redis.evalsha(sha, ["n"], [])).rejects.toThrow("NOSCRIPT");
    expect(await redis.scriptLoad(script)).toBe(sha);
    expect(await redis.scriptExists(sha, sha1("other"))).toEqual([1, 0]);
    expect(await redis.evalsha(sha, ["n"], [])).toBe(4);
    expect(await redis.createScript(script).exec(["n"], [])).toBe(5);
  });

  test("EVALSHA in a pipeline and in a transaction is translated too, and NOSCRIPT stays with its command", async () => {
    const script = `${LOCKING}return redis.call('INCR', KEYS[1])`;
    await redis.scriptLoad(script);
    const commands = [
      ["EVALSHA", sha1(script), "1", "n"],
      ["EVALSHA", sha1("unknown"), "0"],
      ["GET", "n"],
    ];
    const expected = (count: number) => [
      { result: count },
      { error: "NOSCRIPT No matching script. Please use EVAL." },
      { result: String(count) },
    ];
    expect((await post(endpoint, "/pipeline", commands)).body).toEqual(expected(1));
    expect((await post(endpoint, "/multi-exec", commands)).body).toEqual(expected(2));
  });

  // planted: the keys of MSET's second pair not checked
  test("a key-locking script is refused every key that it did not declare, by call and by pcall", async () => {
    const refused = "ERR Dynamic keys are not allowed in Lua scripts when 'allow-key-locking' flag is set";
    for (const call of [
      "'GET', 'other'",
      "'get', KEYS[1] .. 'x'",
      "'DEL', KEYS[1], 'other'",
      "'MGET', KEYS[1], 'other'",
      "'MSET', KEYS[1], '1', 'other', '1'",
      "'RENAME', KEYS[1], 'other'",
      "'LMOVE', KEYS[1], 'other', 'LEFT', 'LEFT'",
      "'ZADD', 'other', 1, 'm'",
      "'SET', 5, 'x'",
    ]) {
      expect(await evaluate(`${LOCKING}return redis.call(${call})`, ["k"])).toContain(refused);
      expect(await evaluate(`${LOCKING}return redis.pcall(${call})`, ["k"])).toBe(refused);
    }
    expect(await redis.dbsize()).toBe(0);
  });

  test("a key-locking script may use all keys it declared, whatever the letters of the command", async () => {
    const script = `${LOCKING}redis.call('mSet', KEYS[1], 'a', KEYS[2], 'b')
      redis.call('RPUSH', KEYS[3], 'x') redis.call('LMOVE', KEYS[3], KEYS[3], 'LEFT', 'RIGHT')
      redis.call('ZADD', '5', 1, 'm')
      return {redis.call('MGET', KEYS[1], KEYS[2]), redis.call('exists', unpack(KEYS)), redis.call('zcard', 5), redis.call('PING')}`;
    expect(await evaluate(script, ["k", "l", "m", "5"])).toEqual([["a", "b"], 4, 1, "PONG"]);
  });

  test("a key-locking script is refused commands on the whole database and unknown ones", async () => {
    for (const command of ["'SCAN', 0", "'FLUSHDB'", "'DBSIZE'", "'KEYS', '*'"]) {
      expect(await evaluate(`${LOCKING}return redis.call(${command})`, ["k"])).toContain("whole database");
    }
    expect(await evaluate(`${LOCKING}return redis.call('GEOADD', KEYS[1])`, ["k"])).toContain(
      "ERR Unknown Redis command called from script",
    );
  });

  test("a script without the flag may use keys that it builds itself", async () => {
    expect(await evaluate("redis.call('SET', 'built', '1') return redis.call('GET', 'built')")).toBe("1");
    expect(await evaluate("#!lua\nreturn redis.call('GET', 'built')")).toBe("1");
  });

  test("the first line's mistakes are worded as Redis words them; other flags keep their meaning", async () => {
    expect(await evaluate("#!lua flags=nope\nreturn 1")).toBe("ERR Unexpected flag in script shebang: nope");
    expect(await evaluate("#!ruby\nreturn 1")).toBe("ERR Unexpected engine in script shebang: #!ruby");
    const both = "#!lua flags=no-writes,allow-key-locking\nreturn redis.call('SET', KEYS[1], 'x')";
    expect(await evaluate(both, ["k"])).toContain("ERR Write commands are not allowed from read-only scripts.");
    expect((await post(endpoint, "/", ["EVAL_RO", "return redis.call('SET', KEYS[1], 'x')", 1, "k"])).body).toEqual({
      error: expect.stringContaining("ERR Write commands are not allowed from read-only scripts."),
    });
    expect((await post(endpoint, "/", ["EVAL_RO", "return redis.call('GET', KEYS[1])", 1, "k"])).body).toEqual({
      result: null,
    });
  });
});
