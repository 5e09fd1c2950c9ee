/**
 * The operator's command line. It talks to the admin API of a gateway and to nothing else:
 *
 *     node cli/main.ts keys mint --tenant acme
 */
import { Command } from "commander";
import { holdBreaker, listBreakers, listHeldBreakers } from "./breakers.ts";
import { callAdmin, findConnection, Trouble } from "./client.ts";
import {
  type Admin,
  createTenant,
  listDead,
  listKeys,
  listTenants,
  type MintOptions,
  mintKey,
  type Printed,
  replayDead,
  revokeKey,
  setTenantDisabled,
  setTenantStores,
  showRequest,
  showUsage,
  type UsageOptions,
} from "./commands.ts";
import { holdLevel, listHeldLevels } from "./levels.ts";

const program = new Command("gateway")
  .description("Keys, tenants, usage, breakers and the ledger of an llm-gateway, through its admin API.")
  .option("--url <url>", "the gateway (default: GATEWAY_URL, else the local stack)")
  .option("--json", "print the reply as JSON")
  .addHelpText("after", "\nThe admin key is read from GATEWAY_ADMIN_KEY or ADMIN_KEY, or from the local stack.")
  .showHelpAfterError("(--help says what there is)");

/** Runs a command against the gateway that flags and environment name, and prints what it gives. */
async function run(command: (admin: Admin) => Promise<Printed>): Promise<void> {
  const flags = program.opts<{ url?: string; json?: boolean }>();
  const connection = findConnection(flags, process.env);
  const printed = await command((path, call) => callAdmin(connection, path, call));
  console.log(flags.json ? JSON.stringify(printed.json, null, 2) : printed.text);
}

const commaList = (text: string): readonly string[] => text.split(",").map((part) => part.trim());

const keys = program.command("keys").description("API keys");
keys
  .command("mint")
  .description("mint a key and show it once")
  .requiredOption("--tenant <tenant>", "whose key it is")
  .option("--name <name>", "what it is for")
  .option("--user <user>", "the user whose limits it shares")
  .option("--tier <tier>", "default: the config's default tier")
  .option("--scopes <list>", "inference, admin, usage:read (default: inference)", commaList)
  .option("--models <list>", "the aliases it may use (default: all)", commaList)
  .option("--expires <moment>", "ISO 8601, such as 2027-01-01T00:00:00Z (default: never)")
  .action((options: MintOptions) => run((admin) => mintKey(admin, options)));
keys
  .command("list")
  .description("list keys, without their secrets")
  .option("--tenant <tenant>", "only this tenant's")
  .action((options: { tenant?: string }) => run((admin) => listKeys(admin, options)));
keys
  .command("revoke <id>")
  .description("revoke a key everywhere")
  .action((id: string) => run((admin) => revokeKey(admin, id)));

const tenants = program.command("tenants").description("tenants");
tenants
  .command("create <tenant>")
  .description("create a tenant")
  .option("--name <name>", "its name for people")
  .option("--origins <list>", "browser origins that may call (default: none)", commaList)
  .option("--stores-responses", "keep its responses for later requests (default: nothing is kept)")
  .action((tenant: string, options: { name?: string; origins?: readonly string[]; storesResponses?: boolean }) =>
    run((admin) => createTenant(admin, tenant, options)),
  );
tenants
  .command("list")
  .description("list tenants")
  .action(() => run(listTenants));

tenants
  .command("disable <tenant>")
  .description("stop every key of a tenant, everywhere")
  .action((tenant: string) => run((admin) => setTenantDisabled(admin, tenant, true)));
tenants
  .command("enable <tenant>")
  .description("let the keys of a tenant work again")
  .action((tenant: string) => run((admin) => setTenantDisabled(admin, tenant, false)));
tenants
  .command("store-responses <tenant>")
  .description("keep the responses of a tenant, for `previous_response_id` and for reading them again")
  .option("--off", "keep no more of them; those that are kept stay for their 30 days")
  .action((tenant: string, { off = false }: { off?: boolean }) => run((admin) => setTenantStores(admin, tenant, !off)));

program
  .command("usage")
  .description("requests, tokens and cost of a tenant")
  .requiredOption("--tenant <tenant>", "whose usage")
  .option("--from <day>", "inclusive (default: 30 days back)")
  .option("--to <day>", "exclusive (default: now)")
  .option("--by <group>", "day, alias, backend or key (default: day)")
  .action((options: UsageOptions) => run((admin) => showUsage(admin, options)));

program
  .command("request <id>")
  .description("what each step decided about one request, and what it cost")
  .action((id: string) => run((admin) => showRequest(admin, id)));

const breaker = program
  .command("breaker")
  .description("breakers, and those held open or closed by hand: of a backend, or of `backend/model`");
breaker
  .command("list")
  .description("list all: closed, open until when, or half-open, and what they are held at")
  .option("--held", "only what is held by hand")
  .action(({ held = false }: { held?: boolean }) => run(held ? listHeldBreakers : listBreakers));
breaker
  .command("open <name>")
  .description("keep requests away from it")
  .action((name: string) => run((admin) => holdBreaker(admin, name, "open")));
breaker
  .command("close <name>")
  .description("send it requests, whatever is seen of it")
  .action((name: string) => run((admin) => holdBreaker(admin, name, "closed")));
breaker
  .command("auto <name>")
  .description("let it open and close by itself again")
  .action((name: string) => run((admin) => holdBreaker(admin, name, "auto")));

const level = program.command("level").description("levels of degradation that routes are held at");
level
  .command("list")
  .description("list the routes that are held")
  .action(() => run(listHeldLevels));
level
  .command("set <route> <level>")
  .description("hold a route (or all: '*') at full, reduced or emergency; auto lets it go")
  .action((route: string, word: string) => run((admin) => holdLevel(admin, route, word)));

const ledger = program.command("ledger").description("records that the ledger could not write");
ledger
  .command("dead")
  .description("list dead letters")
  .option("--tenant <tenant>", "only this tenant's")
  .action((options: { tenant?: string }) => run((admin) => listDead(admin, options)));
ledger
  .command("replay [ids...]")
  .description("make dead letters due again (all of them, a tenant's, or those named)")
  .option("--tenant <tenant>", "whose; needed beside ids")
  .action((ids: readonly string[], options: { tenant?: string }) => run((admin) => replayDead(admin, ids, options)));

try {
  await program.parseAsync();
} catch (error) {
  if (!(error instanceof Trouble)) throw error;
  console.error(`error: ${error.message}`);
  process.exitCode = 1;
}
