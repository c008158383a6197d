/* SPDX-License-Identifier: Apache-2.0 */
/* The official TypeScript SDK, first generation: sessions over Streamable
 * HTTP, and stdio.
 *   sdk1.mjs URL COMMAND [ARGUMENT ...]
 */
import { Client } from "@modelcontextprotocol/sdk/client/index.js";
import { StdioClientTransport }
	from "@modelcontextprotocol/sdk/client/stdio.js";
import { StreamableHTTPClientTransport }
	from "@modelcontextprotocol/sdk/client/streamableHttp.js";
import { about, check, finish, must } from "./checks.mjs";
import { runCases } from "./session.mjs";

const [url, command, ...args] = process.argv.slice(2);

async function overHttp() {
	const transport = new StreamableHTTPClientTransport(new URL(url));
	const client = new Client({ name: "sdk1", version: "1" });

	about("SDK v1, HTTP");
	await check("connect", () => client.connect(transport));
	await check("a session was given", async () => {
		must(transport.sessionId, "no session id");
		must(/^[\x21-\x7e]+$/.test(transport.sessionId), "bad characters");
	});
	await check("the revision is 2025-11-25", async () =>
		must(transport.protocolVersion === "2025-11-25",
			`it is ${transport.protocolVersion}`));
	await check("ping", () => client.ping());
	await runCases(client);
	await check("terminate the session", () => transport.terminateSession());
	await client.close();
}

async function overStdio() {
	const client = new Client({ name: "sdk1", version: "1" });
	const transport = new StdioClientTransport({
		command, args, env: process.env, stderr: "inherit" });

	about("SDK v1, stdio");
	await check("connect", () => client.connect(transport));
	await check("ping", () => client.ping());
	await runCases(client);
	await check("close", () => client.close());
}

await overHttp();
await overStdio();
finish();
