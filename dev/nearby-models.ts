import { z } from "zod";

/** A model server that somebody runs on this machine. */
export interface NearbyServer {
  readonly product: "vLLM" | "Ollama";
  readonly baseUrl: string;
  /** The first model that it lists. */
  readonly model: string;
}

const USUAL_PLACES = [
  { product: "vLLM", baseUrl: "http://127.0.0.1:8000" },
  { product: "Ollama", baseUrl: "http://127.0.0.1:11434" },
] as const;

const modelList = z.object({ data: z.array(z.object({ id: z.string() })).min(1) });
const ANSWER_WITHIN_MS = 500;

/** Looks at the usual ports of vLLM and Ollama. What does not answer with a list of models within half a second is not there. */
export async function findNearbyServers(): Promise<readonly NearbyServer[]> {
  const found = await Promise.all(USUAL_PLACES.map(ask));
  return found.filter((server) => server !== undefined);
}

async function ask(place: (typeof USUAL_PLACES)[number]): Promise<NearbyServer | undefined> {
  try {
    const response = await fetch(`${place.baseUrl}/v1/models`, { signal: AbortSignal.timeout(ANSWER_WITHIN_MS) });
    const parsed = modelList.safeParse(await response.json());
    const model = parsed.data?.data[0]?.id;
    return model === undefined ? undefined : { ...place, model };
  } catch {
    return undefined;
  }
}
