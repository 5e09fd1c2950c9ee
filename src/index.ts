import { composeOnce, type WorkerEnvironment } from "./compose.ts";
import base from "./config/base.generated.json";
import type { BaseConfig } from "./core/config.ts";

/** The Worker's face. */
export default {
  fetch(request, env, context) {
    return composeOnce(env, base as BaseConfig).fetch(request, env, context);
  },
} satisfies ExportedHandler<WorkerEnvironment>;
