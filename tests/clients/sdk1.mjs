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
import { CallToolResultSchema, CreateMessageRequestSchema,
	ElicitRequestSchema, ListRootsRequestSchema, ListToolsResultSchema,
	LoggingMessageNotificationSchema, PromptListChangedNotificationSchema,
	ResourceUpdatedNotificationSchema, ToolListChangedNotificationSchema }
	from "@modelcontextprotocol/sdk/types.js";
import { about, check, finish, must } from "./checks.mjs";
import { runFeatures } from "./features.mjs";
import { runResume } from "./resume.mjs";
import { runCases } from "./session.mjs";
import { runTasks } from "./tasks.mjs";
import { spoiling, watch } from "./spoil.mjs";
import { withStreamSeen } from "./stream.mjs";

const [url, command, ...args] = process.argv.slice(2);
const schemas = {
	"elicitation/create": ElicitRequestSchema,
	"sampling/createMessage": CreateMessageRequestSchema,
	"roots/list": ListRootsRequestSchema,
	"notifications/message": LoggingMessageNotificationSchema,
	"notifications/resources/updated": ResourceUpdatedNotificationSchema,
	"notifications/tools/list_changed": ToolListChangedNotificationSchema,
	"notifications/prompts/list_changed":
		PromptListChangedNotificationSchema,
};

function makeHttp(options) {
	return new StreamableHTTPClientTransport(
		new URL(options?.url ?? url), options);
}

function makeStdio() {
	return new StdioClientTransport({
		command, args, env: process.env, stderr: "inherit" });
}

function makeKit(http) {
	return {
		http,
		stateless: false,
		notFound: -32002,
		async open(capabilities, options) {
			const stream = withStreamSeen(options);
			const transport = http ? makeHttp(stream) : makeStdio();
			const client = new Client({ name: "sdk1", version: "1" },
				{ capabilities });

			await client.connect(transport);
			watch(transport, options?.sees);
			return {
				client,
				transport,
				ready: http ? stream.opened : undefined,
				call: (params, more) =>
					client.callTool(params, CallToolResultSchema, more),
				request: (method, params) => client.request(
					{ method, params }, ListToolsResultSchema),
				answer: (method, handler) => client.setRequestHandler(
					schemas[method], handler),
				hear: (method, handler) => client.setNotificationHandler(
					schemas[method], handler),
				close: async () => {
					if (http)
						await transport.terminateSession();
					await client.close();
				},
			};
		},
	};
}

async function overHttp() {
	const transport = makeHttp();
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

	about("SDK v1, stdio");
	await check("connect", () => client.connect(makeStdio()));
	await check("ping", () => client.ping());
	await runCases(client);
	await check("close", () => client.close());
}

for (const [name, http, plain] of [["HTTP", true, overHttp],
	["stdio", false, overStdio]]) {
	if (!spoiling)
		await plain();
	about(`SDK v1, ${name}`);
	if (!process.env.FIXTURE_MANIFEST)
		continue;
	await runFeatures(makeKit(http));
	await runTasks(makeKit(http));
	if (http)
		await runResume(makeKit(http), url);
}
finish();
