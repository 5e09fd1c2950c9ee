import { setTimeout as sleep } from "node:timers/promises";
import type { Redis } from "@upstash/redis";
import { afterAll, beforeAll, beforeEach, describe, expect, test } from "vitest";
import type { RedisEndpoint } from "../../../dev/redis/main.ts";
import { clientOf, forms, post, startForm } from "./forms.ts";

const DATABASE = 1;

describe.each(forms)("commands on %s", (form) => {
  let endpoint: RedisEndpoint;
  let redis: Redis;

  beforeAll(async () => {
    endpoint = await startForm(form, DATABASE);
    redis = clientOf(endpoint);
  });
  beforeEach(() => endpoint.control({ flush: true, resetCounters: true }));
  afterAll(() => endpoint.close());

  // planted: NX and XX exchanged in SET
  test("SET keeps its conditions, returns the old value on GET, and KEEPTTL keeps the time", async () => {
    expect(await redis.set("key", "one", { nx: true })).toBe("OK");
    expect(await redis.set("key", "two", { nx: true })).toBeNull();
    expect(await redis.set("absent", "x", { xx: true })).toBeNull();
    expect(await redis.set("key", "three", { get: true, px: 60_000 })).toBe("one");
    await redis.set("key", "four", { keepTtl: true });
    expect(await redis.get("key")).toBe("four");
    expect(await redis.pttl("key")).toBeGreaterThan(50_000);
    await redis.set("key", "five");
    expect(await redis.pttl("key")).toBe(-1);
  });

  test("numbers count up within 64 bits and refuse to overflow", async () => {
    expect(await redis.incr("n")).toBe(1);
    expect(await redis.decrby("n", 5)).toBe(-4);
    await redis.set("n", "9223372036854775806");
    // The digits on the wire, since no double holds them.
    const response = await fetch(endpoint.url, {
      method: "POST",
      headers: { authorization: "Bearer contract-token" },
      body: JSON.stringify(["INCR", "n"]),
    });
    expect(await response.text()).toBe('{"result":9223372036854775807}');
    await expect(redis.incr("n")).rejects.toThrow("ERR increment or decrement would overflow");
    await redis.set("n", "1.5");
    await expect(redis.incr("n")).rejects.toThrow("ERR value is not an integer or out of range");
  });

  // planted: expired entries still returned by Store.entry
  test("a key is gone when its time is over, for every command", async () => {
    await redis.set("short", "x", { px: 30 });
    await redis.hset("hash", { a: 1 });
    await redis.pexpire("hash", 30);
    expect(await redis.ttl("short")).toBe(0);
    await sleep(60);
    expect(await redis.exists("short", "hash")).toBe(0);
    expect(await redis.get("short")).toBeNull();
    expect(await redis.hlen("hash")).toBe(0);
    expect(await redis.pttl("short")).toBe(-2);
    expect(await redis.dbsize()).toBe(0);
    expect(await redis.set("short", "y", { nx: true })).toBe("OK");
  });

  test("EXPIRE in the past deletes; GT and LT move in one direction only", async () => {
    await redis.set("key", "x");
    expect(await redis.expire("key", 100, "GT")).toBe(0);
    expect(await redis.expire("key", 100, "LT")).toBe(1);
    expect(await redis.expire("key", 50, "GT")).toBe(0);
    expect(await redis.pexpireat("key", Date.now() - 1)).toBe(1);
    expect(await redis.exists("key")).toBe(0);
  });

  test("hashes, lists, sets and sorted sets give back what was put in", async () => {
    await redis.hset("h", { a: "1", b: "two" });
    expect(await redis.hincrby("h", "a", 41)).toBe(42);
    expect(await redis.hmget("h", "a", "none", "b")).toEqual({ a: 42, none: null, b: "two" });
    expect(await redis.rpush("l", "a", "b", "c")).toBe(3);
    expect(await redis.lmove("l", "m", "left", "right")).toBe("a");
    expect(await redis.lrange("l", 0, -1)).toEqual(["b", "c"]);
    expect(await redis.sadd("s", "x", "y", "x")).toBe(2);
    expect(await redis.sismember("s", "y")).toBe(1);
    await redis.zadd("z", { score: 2, member: "b" }, { score: 1, member: "a" }, { score: 2, member: "a2" });
    expect(await redis.zrange("z", 0, -1, { withScores: true })).toEqual(["a", 1, "a2", 2, "b", 2]);
    expect(await redis.zrange("z", "(1", "+inf", { byScore: true, offset: 1, count: 1 })).toEqual(["b"]);
    expect(await redis.zremrangebyscore("z", "-inf", 1)).toBe(1);
    expect(await redis.zcard("z")).toBe(2);
    expect(await redis.type("z")).toBe("zset");
  });

  test("a collection that lost its last element is no key any more", async () => {
    await redis.rpush("l", "a");
    await redis.lpop("l");
    await redis.sadd("s", "a");
    await redis.srem("s", "a");
    await redis.zadd("z", { score: 1, member: "a" });
    await redis.zrem("z", "a");
    await redis.hset("h", { a: 1 });
    await redis.hdel("h", "a");
    expect(await redis.dbsize()).toBe(0);
  });

  test("streams are appended, trimmed and read", async () => {
    const first = await redis.xadd("x", "*", { n: 1 });
    await redis.xadd("x", "*", { n: 2 });
    await redis.xadd("x", "*", { n: 3 }, { trim: { type: "MAXLEN", comparison: "=", threshold: 2 } });
    expect(await redis.xlen("x")).toBe(2);
    const entries = await redis.xrange("x", "-", "+");
    expect(Object.values(entries)).toEqual([{ n: 2 }, { n: 3 }]);
    expect(Object.keys(entries)).not.toContain(first);
    expect(await redis.xdel("x", Object.keys(entries)[0] ?? "")).toBe(1);
  });

  // planted: SCAN's cursor as an index into the keys
  test("SCAN meets every key that stays, while others are deleted during the walk", async () => {
    const stay = Array.from({ length: 60 }, (_, index) => `stay:${index}`);
    const go = Array.from({ length: 60 }, (_, index) => `go:${index}`);
    await redis.mset(Object.fromEntries([...go, ...stay].map((key) => [key, "x"])));
    const seen = new Set<string>();
    let cursor = "0";
    do {
      const [next, keys] = await redis.scan(cursor, { match: "stay:*", count: 7 });
      for (const key of keys) seen.add(key);
      cursor = next;
      const victim = go.pop();
      if (victim !== undefined) await redis.del(victim);
    } while (cursor !== "0");
    expect(seen).toEqual(new Set(stay));
  });

  test("a wrong type is an error in Redis' words, and changes nothing", async () => {
    await redis.rpush("list", "a");
    for (const command of [
      ["GET", "list"],
      ["INCR", "list"],
      ["HSET", "list", "f", "v"],
      ["ZADD", "list", "1", "m"],
      ["SADD", "list", "m"],
      ["XADD", "list", "*", "f", "v"],
    ]) {
      expect(await post(endpoint, "/", command)).toEqual({
        status: 400,
        body: { error: "WRONGTYPE Operation against a key holding the wrong kind of value" },
      });
    }
    expect(await redis.lrange("list", 0, -1)).toEqual(["a"]);
  });

  test("a command outside the closed list is unknown, also one that a real server knows", async () => {
    for (const name of ["SUBSCRIBE", "SELECT", "CONFIG", "MONITOR", "SHUTDOWN", "geoadd"]) {
      const reply = await post(endpoint, "/", [name, "a"]);
      expect(reply).toEqual({
        status: 400,
        body: { error: `ERR unknown command '${name}', with args beginning with: 'a' ` },
      });
    }
    expect((await post(endpoint, "/", ["SCRIPT", "KILL"])).body).toEqual({
      error: "ERR unknown subcommand 'KILL'. Try SCRIPT HELP.",
    });
    expect((await post(endpoint, "/", ["GET"])).body).toEqual({
      error: "ERR wrong number of arguments for 'get' command",
    });
  });

  // planted: execute() stops at the first ErrorReply
  test("in a pipeline one failing command leaves the others alone", async () => {
    await redis.rpush("list", "a");
    const reply = await post(endpoint, "/pipeline", [
      ["SET", "a", "1"],
      ["INCR", "list"],
      ["NOPE", "x"],
      ["GET", "a"],
    ]);
    expect(reply.status).toBe(200);
    expect(reply.body).toEqual([
      { result: "OK" },
      { error: "WRONGTYPE Operation against a key holding the wrong kind of value" },
      { error: "ERR unknown command 'NOPE', with args beginning with: 'x' " },
      { result: "1" },
    ]);
    const kept = await redis.pipeline().incr("list").get("a").exec({ keepErrors: true });
    expect(kept.map((each) => each.error !== undefined)).toEqual([true, false]);
  });

  // planted: transaction() runs the commands it can queue
  test("a transaction runs whole, or not at all when a command cannot be queued", async () => {
    expect(await redis.multi().set("a", 1).incr("a").get("a").exec()).toEqual(["OK", 2, 2]);
    const aborted = await post(endpoint, "/multi-exec", [["INCR", "a"], ["NOPE"]]);
    expect(aborted).toEqual({
      status: 400,
      body: { error: "EXECABORT Transaction discarded because of previous errors." },
    });
    expect((await post(endpoint, "/multi-exec", [["INCR", "a"], ["GET"]])).status).toBe(400);
    expect(await redis.get("a")).toBe(2);
    await redis.rpush("list", "x");
    const mixed = await post(endpoint, "/multi-exec", [
      ["INCR", "a"],
      ["INCR", "list"],
      ["INCR", "a"],
    ]);
    expect(mixed.body).toEqual([
      { result: 3 },
      { error: "WRONGTYPE Operation against a key holding the wrong kind of value" },
      { result: 4 },
    ]);
  });

  test("parallel increments through many connections lose none", async () => {
    await Promise.all(Array.from({ length: 200 }, () => redis.incr("n")));
    expect(await redis.get("n")).toBe(200);
  });

  // planted: integers encoded as base64
  test("with base64 strings are encoded at any depth; OK, integers and null are not", async () => {
    const encode = (text: string) => Buffer.from(text).toString("base64");
    const reply = await post(
      endpoint,
      "/pipeline",
      [
        ["SET", "k", "é€"],
        ["GET", "k"],
        ["MGET", "k", "none"],
        ["STRLEN", "k"],
        ["PING"],
        ["EVAL", "return {1, {'in', {'OK', false}}}", "0"],
        ["SET", "ok", "OK"],
        ["GET", "ok"],
      ],
      { "Upstash-Encoding": "base64" },
    );
    expect(reply.body).toEqual([
      { result: "OK" },
      { result: encode("é€") },
      { result: [encode("é€"), null] },
      { result: 5 },
      { result: encode("PONG") },
      { result: [1, [encode("in"), [encode("OK"), null]]] },
      { result: "OK" },
      { result: encode("OK") },
    ]);
  });

  test("bytes that are no UTF-8 survive in base64", async () => {
    const reply = await post(
      endpoint,
      "/pipeline",
      [
        ["EVAL", "redis.call('SET', KEYS[1], '\\255\\0\\200') return #redis.call('GET', KEYS[1])", "1", "bin"],
        ["GET", "bin"],
      ],
      { "Upstash-Encoding": "base64" },
    );
    expect(reply.body).toEqual([{ result: 3 }, { result: Buffer.from([255, 0, 200]).toString("base64") }]);
  });

  test("keys and values of any text come back as they went", async () => {
    const plain = clientOf(endpoint, { base64: false });
    for (const text of ["", "\u0000\u0001", "line\r\nbreak", "😀 ümlaut", '"quoted\\', "a".repeat(70_000)]) {
      await redis.set(`key:${text}`, JSON.stringify({ text }));
      expect(await redis.get(`key:${text}`)).toEqual({ text });
      expect(await plain.get(`key:${text}`)).toEqual({ text });
    }
  });

  test("values of megabytes pass, alone and in numbers", async () => {
    const large = "x".repeat(8 * 1024 * 1024);
    await redis.set("large", large);
    expect(await redis.strlen("large")).toBe(large.length);
    expect((await redis.get<string>("large"))?.length).toBe(large.length);
    const [one, two] = await redis.mget<string[]>("large", "large");
    expect([one?.length, two?.length]).toEqual([large.length, large.length]);
  });

  test("numbers and booleans in a command are taken as text; nested arrays are refused", async () => {
    await post(endpoint, "/", ["SET", "k", 1.5]);
    expect((await post(endpoint, "/", ["GET", "k"])).body).toEqual({ result: "1.5" });
    await post(endpoint, "/", ["SET", "k", true]);
    expect((await post(endpoint, "/", ["GET", "k"])).body).toEqual({ result: "true" });
    for (const body of [["SET", "k", ["a"]], ["SET", "k", null], [], {}, "not json", "[]"]) {
      expect((await post(endpoint, "/", body)).status).toBe(400);
    }
    expect((await post(endpoint, "/pipeline", ["GET", "k"])).status).toBe(400);
  });

  // planted: tokens compared by prefix
  test("without a good token nothing runs", async () => {
    for (const authorization of ["", "Bearer", "Bearer nope", "Bearer contract-token2", "Basic contract-token"]) {
      const reply = await post(endpoint, "/", ["SET", "k", "x"], { authorization });
      expect(reply.status).toBe(401);
    }
    await expect(clientOf(endpoint, { token: "nope" }).get("k")).rejects.toThrow("WRONGPASS");
    expect(await redis.exists("k")).toBe(0);
    expect(endpoint.counters().unauthorizedCalls).toBe(6);
  });

  test("other paths and methods are refused", async () => {
    expect((await post(endpoint, "/get/k", ["GET", "k"])).status).toBe(404);
    const response = await fetch(endpoint.url, { headers: { authorization: "Bearer contract-token" } });
    expect(response.status).toBe(405);
  });
});
