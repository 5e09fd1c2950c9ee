import { parseArgs } from "node:util";
import { startTunnel, type TunnelOptions } from "./tunnel.ts";

export { SIMULATED_TOKEN, type SimulatedTunnel, startTunnel, type TunnelOptions } from "./tunnel.ts";

const USAGE = "node dev/tunnel/main.ts --target URL [--port 0] [--token id:secret]… [--silence-ms 100000]";

function readOptions(given: readonly string[]): TunnelOptions {
  const { values } = parseArgs({
    args: [...given],
    options: {
      target: { type: "string" },
      port: { type: "string", default: "0" },
      token: { type: "string", multiple: true },
      "silence-ms": { type: "string" },
    },
  });
  if (values.target === undefined) throw new Error(`--target is missing: ${USAGE}`);
  const tokens = values.token?.map((text) => {
    const colon = text.indexOf(":");
    if (colon <= 0) throw new Error(`--token wants id:secret: ${USAGE}`);
    return { id: text.slice(0, colon), secret: text.slice(colon + 1) };
  });
  return {
    target: values.target,
    port: Number(values.port),
    ...(tokens && { tokens }),
    ...(values["silence-ms"] !== undefined && { silenceMs: Number(values["silence-ms"]) }),
  };
}

/** Runs one tunnel as a process of its own; one line of JSON on stdout says that it is ready. */
async function main(): Promise<void> {
  const { url, controlUrl, close } = await startTunnel(readOptions(process.argv.slice(2)));
  console.log(JSON.stringify({ ready: true, simulated: true, url, controlUrl }));
  const stop = () => void close().then(() => process.exit(0));
  process.once("SIGINT", stop);
  process.once("SIGTERM", stop);
}

if (import.meta.main) {
  main().catch((error: unknown) => {
    console.error(`simulated tunnel: ${error instanceof Error ? error.message : String(error)}`);
    process.exit(1);
  });
}
