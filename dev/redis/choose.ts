import { join } from "node:path";
import { openEmbedded } from "./embedded/backend.ts";
import { type RedisBackend, type RedisForm, StartError } from "./protocol.ts";
import { connectRedisServer, spawnRedisServer } from "./redis-server/backend.ts";
import { findRedisServer } from "./redis-server/process.ts";

export interface BackendChoice {
  /** `auto`, the default: the server of `redisUrl`, else the redis-server of this machine, else the embedded store. */
  readonly form?: RedisForm | "auto";
  /** A Redis that runs already. */
  readonly redisUrl?: string | undefined;
  /** Where data is kept between starts; each form has its own folder in it. Without one nothing is kept. */
  readonly dataDir?: string | undefined;
}

/** Opens the Redis that was asked for. Throws a `StartError` when it is not to be had. */
export async function openBackend(
  choice: BackendChoice,
): Promise<{ readonly backend: RedisBackend; readonly note: string | undefined }> {
  const { form = "auto", redisUrl, dataDir } = choice;
  if (form !== "embedded" && redisUrl !== undefined) {
    return { backend: await connectRedisServer(redisUrl), note: undefined };
  }
  const server = form === "embedded" ? { missing: "" } : findRedisServer();
  if ("path" in server) {
    const folder = dataDir === undefined ? undefined : join(dataDir, "redis-server");
    return { backend: await spawnRedisServer(server.path, folder), note: undefined };
  }
  if (form === "redis-server") {
    throw new StartError(
      `There is no Redis to use (${server.missing}): install redis-server 7 or newer, set REDIS_URL, or use --embedded`,
    );
  }
  const folder = dataDir === undefined ? undefined : join(dataDir, "embedded");
  const note = form === "auto" ? `${server.missing}; the embedded store is used` : undefined;
  return { backend: await openEmbedded(folder), note };
}
