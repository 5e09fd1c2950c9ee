/** The Vercel AI SDK with its OpenAI and Anthropic providers, unmodified, against the whole stack. */
import { createAnthropic } from "@ai-sdk/anthropic";
import { createOpenAI } from "@ai-sdk/openai";
import { clientSuite } from "../support/client-suite.ts";
import { vercel } from "../support/vercel.ts";

clientSuite([
  {
    name: "the OpenAI provider",
    of: ({ gateway, apiKey }) => {
      const openai = createOpenAI({ baseURL: `${gateway}/v1`, apiKey });
      return vercel((model) => openai.chat(model));
    },
  },
  {
    name: "the Anthropic provider",
    of: ({ gateway, apiKey }) => vercel(createAnthropic({ baseURL: `${gateway}/v1`, apiKey })),
  },
]);
