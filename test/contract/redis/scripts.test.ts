import { createHash } from "node:crypto";
import type { Redis } from "@upstash/redis";
import { afterAll, beforeAll, beforeEach, describe, expect, test } from "vitest";
import type { RedisEndpoint } from "../../../dev/redis/main.ts";
import { clientOf, forms, post, startForm } from "./forms.ts";

const DATABASE = 2;
const LOCKING = "#!lua flags=allow-key-locking\n";
const sha1 = (text: string) => createHash("sha1").update(text).digest("hex");

describe.each(forms)("scripts on %s", (form) => {
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

  // planted: fengari's own integers (no patchNumbers)
  test("numbers are doubles: no wrap at 32 bits, no .0, and fractions are cut off in replies", async () => {
    const script = `
      return {
        tostring(10 / 2), 4 / 2 .. '', tostring(2147483647 + 1), tostring(2000000000 * 3), tostring(2^53), tostring(1e15),
        tostring(123456789012345), 3.99, -3.99, 1700000000123, 7 % 3, -7 % 3, tostring(5.5 % 2), tostring(0x10),
        tostring(tonumber('0xff')), tostring(tonumber('ff', 16)), tostring(tonumber(' 12 ')), tostring(tonumber('1e3')),
        tostring(tonumber('x')), tostring(math.floor(-3.5)), tostring(math.floor(1e12 / 7)), tostring(#'abc' / 2),
        tostring(1 / 0), tostring(0.1), tostring(1e-5), tostring(1e100), 2^53
      }`;
    expect(await evaluate(script)).toEqual([
      "5",
      "2",
      "2147483648",
      "6000000000",
      "9.007199254741e+15",
      "1e+15",
      "1.2345678901234e+14",
      3,
      -3,
      1_700_000_000_123,
      1,
      2,
      "1.5",
      "16",
      "255",
      "255",
      "12",
      "1000",
      "nil",
      "-4",
      "142857142857",
      "1.5",
      "inf",
      "0.1",
      "1e-05",
      "1e+100",
      9_007_199_254_740_992,
    ]);
  });

  test("a number given to a command keeps all its digits", async () => {
    const script = "redis.call('SET', KEYS[1], ARGV[1] * 1000 + 7) return redis.call('GET', KEYS[1])";
    expect(await evaluate(script, ["k"], [1_700_000_000_123])).toBe("1700000000123007");
    expect(await evaluate("redis.call('SET', KEYS[1], 10 / 4) return redis.call('GET', KEYS[1])", ["k"])).toBe("2.5");
    expect(await evaluate("return redis.call('INCRBY', KEYS[1], 2^40)", ["n"])).toBe(2 ** 40);
  });

  test("string.format takes any number for %d", async () => {
    const script =
      "return string.format('%d|%5.1f|%-4s|%04d|%x|%g|%s|%%|%+d', 1700000000000.9, 2.25, 'a', 42, 255, 1e20, 1.5, 3)";
    expect(await evaluate(script)).toBe("1700000000000|  2.2|a   |0042|ff|1e+20|1.5|%|+3");
  });

  // planted: popReply reads past the first nil
  test("values are converted both ways as Redis converts them", async () => {
    expect(await evaluate("return {1, 'a', true, false, {ok = 'fine'}, {2, {3}}, nil, 9}")).toEqual([
      1,
      "a",
      1,
      null,
      "fine",
      [2, [3]],
    ]);
    expect(await evaluate("return nil")).toBeNull();
    expect(await evaluate("return redis.status_reply('FINE')")).toBe("FINE");
    expect(await evaluate("return redis.error_reply('MY own words')")).toBe("MY own words");
    expect(await evaluate("return redis.error_reply('boom')")).toBe("ERR boom");
    expect(await evaluate("return {err = 'CODE text'}")).toBe("CODE text");
    const types = `
      local status = redis.call('SET', KEYS[1], 'x')
      local missing = redis.call('GET', 'none')
      local list = redis.call('MGET', KEYS[1], 'none')
      return {type(status), status.ok, type(missing), #list, tostring(list[2]), type(redis.call('STRLEN', KEYS[1]))}`;
    expect(await evaluate(types, ["k"])).toEqual(["table", "OK", "boolean", 2, "false", "number"]);
  });

  test("errors inside a script can be caught, and else name the script", async () => {
    await redis.rpush("list", "x");
    const script = "return redis.call('GET', KEYS[1])";
    expect(await evaluate(script, ["list"])).toBe(
      `WRONGTYPE Operation against a key holding the wrong kind of value script: ${sha1(script)}, on @user_script:1.`,
    );
    const locking = `${LOCKING}return redis.call('GET', KEYS[1])`;
    expect(await evaluate(locking, ["list"])).toContain(`script: ${sha1(locking)}, on @user_script:`);
    const caught = "local r = redis.pcall('GET', KEYS[1]) return {type(r), r.err}";
    expect(await evaluate(caught, ["list"])).toEqual([
      "table",
      "WRONGTYPE Operation against a key holding the wrong kind of value",
    ]);
    const thrown = "local ok, e = pcall(redis.call, 'GET', KEYS[1]) return {tostring(ok), e}";
    expect(await evaluate(thrown, ["list"])).toEqual([
      "false",
      "WRONGTYPE Operation against a key holding the wrong kind of value",
    ]);
    expect(await evaluate("error('boom')")).toContain("ERR user_script:1: boom script: ");
    expect(await evaluate("error({err = 'MY boom'})")).toContain("MY boom script: ");
    expect(await evaluate("return redis.call('NOPE')")).toContain("ERR Unknown Redis command called from script");
    expect(await evaluate("return redis.call('GET')")).toContain("ERR Wrong number of args calling Redis command");
    expect(await evaluate("return redis.call('GET', {})")).toContain("ERR Lua redis lib command arguments must be");
    expect(await evaluate("return redis.call()")).toContain("ERR Please specify at least one argument");
    expect(await evaluate("return redis.call('EVAL', 'return 1', 0)")).toContain(
      "ERR This Redis command is not allowed",
    );
    expect(await evaluate("return 1 +")).toContain("ERR Error compiling script (new function): user_script:1:");
    expect(await evaluate("local a = 7 // 2 return a")).toContain("ERR Error compiling script");
    expect(await evaluate("return 6 & 3")).toContain("ERR Error compiling script");
  });

  test("what was done before an error stays done, as in Redis", async () => {
    expect(await evaluate("redis.call('SET', KEYS[1], 'x') error('late')", ["k"])).toContain("late");
    expect(await redis.get("k")).toBe("x");
  });

  test("globals can be neither read before they exist nor written", async () => {
    expect(await evaluate("return unknown_name")).toContain(
      "ERR user_script:1: Script attempted to access nonexistent global variable 'unknown_name'",
    );
    for (const script of ["leak = 1", "redis.leak = 1", "string.leak = 1", "KEYS = {}", "tostring = nil"]) {
      expect(await evaluate(script)).toContain("Attempt to modify a readonly table");
    }
    for (const name of ["os", "io", "require", "dofile", "loadfile", "print", "js"]) {
      expect(await evaluate(`return ${name}`)).toContain("nonexistent global variable");
    }
    expect(await evaluate("return tostring(pcall(load, 'x = 1'))")).toBe("false");
    expect(await evaluate("local f = loadstring('x = 1') f()")).toContain("Attempt to modify a readonly table");
  });

  test("cjson, sha1hex, bit and the 5.1 functions are there", async () => {
    expect(await evaluate("return cjson.encode({1, 2.5, 'a/b\"', true, cjson.null, {}})")).toBe(
      '[1,2.5,"a\\/b\\"",true,null,{}]',
    );
    expect(await evaluate("return cjson.encode({name = 'é'})")).toBe('{"name":"é"}');
    const decode =
      "local v = cjson.decode(ARGV[1]) return {v.list[2], tostring(v.half), tostring(v.gone == cjson.null), v.text}";
    expect(await evaluate(decode, [], ['{"list":[1,2],"half":0.5,"gone":null,"text":"\\u00e9"}'])).toEqual([
      2,
      "0.5",
      "true",
      "é",
    ]);
    expect(await evaluate("return cjson.decode('{bad')")).toContain("ERR user_script:1: Expected");
    expect(await evaluate("return cjson.encode({f = tostring})")).toContain(
      "Cannot serialise function: type not supported",
    );
    expect(await evaluate("return redis.sha1hex('abc')")).toBe("a9993e364706816aba3e25717850c26c9cd0d89d");
    expect(
      await evaluate("return {bit.band(6, 3), bit.bor(6, 3), bit.lshift(1, 31), select('#', unpack({1, 2, 3}))}"),
    ).toEqual([2, 7, -2147483648, 3]);
    expect(
      await evaluate("return {table.getn({1, 2}), math.pow(2, 10), math.fmod(7, 3), #table.concat({1, 2, 'x'}, ',')}"),
    ).toEqual([2, 1024, 1, 5]);
  });

  // planted: fengari's own hash of strings (no patchStrings)
  test("strings of control bytes are different keys of a table, and are ordered by their bytes", async () => {
    const script =
      "local t = {} t['\\1\\35'] = 'a' t['\\18\\3'] = 'b' return {t['\\1\\35'], t['\\18\\3'], tostring('\\9' < 'a')}";
    expect(await evaluate(script)).toEqual(["a", "b", "true"]);
  });

  test("KEYS and ARGV are those of each call, and numkeys is checked", async () => {
    expect(await evaluate("return {#KEYS, KEYS[1], #ARGV, ARGV[2]}", ["k"], ["a", "b"])).toEqual([1, "k", 2, "b"]);
    expect(await evaluate("return {#KEYS, #ARGV}")).toEqual([0, 0]);
    for (const [count, message] of [
      ["x", "ERR value is not an integer or out of range"],
      ["-1", "ERR Number of keys can't be negative"],
      ["2", "ERR Number of keys can't be greater than number of args"],
    ]) {
      expect((await post(endpoint, "/", ["EVAL", "return 1", count, "k"])).body).toEqual({ error: message });
    }
  });

  test("scripts in parallel see each other's effects whole", async () => {
    const script = `${LOCKING}local n = tonumber(redis.call('GET', KEYS[1]) or '0')
      if n >= 20 then return 0 end
      redis.call('SET', KEYS[1], n + 1)
      return 1`;
    const passed = await Promise.all(
      Array.from({ length: 200 }, () => redis.eval<string[], number>(script, ["n"], [])),
    );
    expect(passed.filter((each) => each === 1)).toHaveLength(20);
  });

  test("TIME in a script is the server's, in seconds and microseconds", async () => {
    const before = Math.floor(Date.now() / 1000);
    const reply = (await evaluate("return redis.call('TIME')")) as string[];
    expect(Number(reply[0])).toBeGreaterThanOrEqual(before);
    expect(Number(reply[0])).toBeLessThanOrEqual(Math.ceil(Date.now() / 1000));
    expect(Number(reply[1])).toBeLessThan(1_000_000);
  });
});
