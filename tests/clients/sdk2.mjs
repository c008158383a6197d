/* SPDX-License-Identifier: Apache-2.0 */
/* The official TypeScript SDK, second generation: the stateless revision
 * pinned, negotiated, and the fallback to the handshake, over HTTP and stdio.
 *   sdk2.mjs URL COMMAND [ARGUMENT ...]
 */
import { Client, StreamableHTTPClientTransport }
	from "@modelcontextprotocol/client";
import { StdioClientTransport } from "@modelcontextprotocol/client/stdio";
import { z } from "zod";
import { about, check, finish, must } from "./checks.mjs";
import { runFeatures } from "./features.mjs";
import { runResume } from "./resume.mjs";
import { runCases } from "./session.mjs";
import { spoiling, watch } from "./spoil.mjs";
import { withStreamSeen } from "./stream.mjs";

const [url, command, ...args] = process.argv.slice(2);

const newer = "2027-03-01"; /* a revision that no server knows yet */
const modes = [
	{ name: "pinned to 2026-07-28", mode: { pin: "2026-07-28" },
		revision: "2026-07-28" },
	{ name: "negotiated", mode: "auto", revision: "2026-07-28" },
	{ name: "corrected", mode: "auto", revision: "2026-07-28",
		offers: [newer, "2026-07-28", "2025-11-25"] },
	{ name: "handshake", mode: "legacy", revision: "2025-11-25" },
	{ name: "fallback", mode: "auto", revision: "2025-11-25",
		deaf: true },
];

const unknown = (id) => ({ jsonrpc: "2.0", id,
	error: { code: -32601, message: "Method not found" } });

/* The server knows both eras, so a client would never fall back. These two
 * stand before it and refuse the probe, as a server of the handshake era
 * does; all else passes. */
async function deafFetch(target, init) {
	const message = init?.body ? JSON.parse(init.body) : {};

	if (message.method !== "server/discover")
		return fetch(target, init);
	return new Response(JSON.stringify(unknown(message.id)), {
		status: 404, headers: { "Content-Type": "application/json" } });
}

class DeafStdio extends StdioClientTransport {
	async send(message, options) {
		if (message.method !== "server/discover")
			return super.send(message, options);
		queueMicrotask(() => this.onmessage?.(unknown(message.id)));
		return undefined;
	}
}

function makeHttp(deaf, options) {
	return new StreamableHTTPClientTransport(new URL(options?.url ?? url),
		deaf ? { fetch: deafFetch } : options);
}

function makeStdio(deaf) {
	const server = { command, args, env: process.env, stderr: "inherit" };

	return deaf ? new DeafStdio(server) : new StdioClientTransport(server);
}

function makeKit(http, mode) {
	const stateless = mode !== "legacy";

	return {
		http,
		stateless,
		notFound: -32602, /* of older revisions too: it says so itself */
		async open(capabilities, options) {
			const stream = withStreamSeen(options);
			const transport = http ? makeHttp(false, stream) : makeStdio();
			const client = new Client({ name: "sdk2", version: "1" },
				{ capabilities, versionNegotiation: { mode } });

			await client.connect(transport);
			watch(transport, options?.sees);
			return {
				client,
				transport,
				ready: http && !stateless ? stream.opened : undefined,
				call: (params, more) => client.callTool(params, more),
				request: (method, params) => client.request(
					{ method, params }, z.looseObject({})),
				answer: (method, handler) =>
					client.setRequestHandler(method, handler),
				hear: (method, handler) =>
					client.setNotificationHandler(method, handler),
				close: async () => {
					if (http && !stateless)
						await transport.terminateSession();
					await client.close();
				},
			};
		},
	};
}

async function one(kind, makeTransport, m) {
	const options = { versionNegotiation: { mode: m.mode } };

	if (m.offers)
		options.supportedProtocolVersions = m.offers;
	const client = new Client({ name: "sdk2", version: "1" }, options);
	about(`SDK v2, ${kind}, ${m.name}`);
	await check("connect", () => client.connect(makeTransport(m.deaf)));
	await check(`the revision is ${m.revision}`, async () => {
		const revision = client.getNegotiatedProtocolVersion();
		must(revision === m.revision, `it is ${revision}`);
	});
	await check("the server names itself", async () =>
		must(client.getServerVersion()?.name, "no serverInfo"));
	await runCases(client);
	await check("close", () => client.close());
}

for (const [kind, makeTransport] of [["HTTP", makeHttp],
	["stdio", makeStdio]]) {
	if (!spoiling)
		for (const m of modes)
			await one(kind, makeTransport, m);
	if (!process.env.FIXTURE_MANIFEST)
		continue;
	for (const mode of [{ pin: "2026-07-28" }, "legacy"]) {
		about(`SDK v2, ${kind}, ${mode.pin ?? mode}`);
		await runFeatures(makeKit(kind === "HTTP", mode));
		if (kind === "HTTP" && mode === "legacy")
			await runResume(makeKit(true, mode), url);
	}
}
finish();
