/* SPDX-License-Identifier: Apache-2.0 */
/* A server made with the official SDK that has the same tools. The client
 * scripts are run against it to prove the scripts, and the benchmark runs it
 * as a peer.
 *   standin.mjs stdio | http PORT [events]
 */
import { randomUUID } from "node:crypto";
import { readFileSync, readdirSync } from "node:fs";
import { createServer } from "node:http";
import { NodeStreamableHTTPServerTransport, toNodeHandler }
	from "@modelcontextprotocol/node";
import { McpServer, ResourceTemplate, createMcpHandler } from "@modelcontextprotocol/server";
import { serveStdio } from "@modelcontextprotocol/server/stdio";
import { z } from "zod";

const root = process.env.FILES_ROOT ?? ".";
const say = (text) => ({ content: [{ type: "text", text }] });
const fail = (text) => ({ ...say(text), isError: true });

function inside(path) {
	if (!path.startsWith(root))
		throw new Error("outside");
	return path;
}

function inZone(date, zone) {
	return new Intl.DateTimeFormat("sv-SE",
		{ timeZone: zone, dateStyle: "short", timeStyle: "medium" })
		.format(date).replace(" ", "T");
}

/* Tries offsets until the wall time there is the wanted one. */
function fromZone(wall, zone) {
	const utc = Date.parse(`${wall}Z`);
	for (let h = -14; h <= 14; h += 0.25) {
		const date = new Date(utc - h * 3600000);
		if (inZone(date, zone).startsWith(wall))
			return date;
	}
	throw new Error("no such time");
}

const word = z.string();
const tools = [
	["hello", { name: word }, ({ name }) => say(`Hello, ${name}!`)],
	["echo", { message: word }, ({ message }) => say(message)],
	["time_now", { timezone: word },
		({ timezone }) => say(inZone(new Date(), timezone))],
	["time_convert", { time: word, from: word, to: word },
		({ time, from, to }) => say(inZone(fromZone(time, from), to))],
	["files_list", { path: word },
		({ path }) => say(readdirSync(path).join("\n"))],
	["files_read", { path: word }, ({ path }) => path.includes("..")
		? fail("outside") : say(readFileSync(path, "utf8"))],
	["files_search", { query: word }, ({ query }) => say(
		readdirSync(root).filter((name) =>
			readFileSync(`${root}/${name}`, "utf8").includes(query))
			.join("\n"))],
].map(([name, shape, handler]) => [name,
	{ description: name, inputSchema: z.object(shape) },
	async (args) => {
		try {
			return handler(args);
		} catch (error) {
			return fail(error.message);
		}
	}]);

function makeServer() {
	const server = new McpServer({ name: "standin", version: "1.0.0" });

	for (const tool of tools)
		server.registerTool(...tool);
	server.registerResource("roots", "files://roots", {},
		(uri) => ({ contents: [{ uri: uri.href, text: root }] }));
	server.registerResource("file",
		new ResourceTemplate("file:///{+path}", { list: undefined }), {},
		(uri) => ({ contents: [{ uri: uri.href,
			text: readFileSync(inside(uri.pathname), "utf8") }] }));
	return server;
}

const sessions = new Map();

async function sessionTransport(id) {
	if (id !== undefined)
		return sessions.get(id);
	const transport = new NodeStreamableHTTPServerTransport({
		sessionIdGenerator: () => randomUUID().replaceAll("-", ""),
		enableJsonResponse: process.argv[4] !== "events",
		onsessioninitialized: (made) => sessions.set(made, transport),
	});
	await makeServer().connect(transport);
	return transport;
}

async function serveSession(request, response) {
	const transport = await sessionTransport(request.headers["mcp-session-id"]);

	if (transport !== undefined)
		return transport.handleRequest(request, response);
	response.writeHead(404, { "Content-Type": "application/json" });
	response.end("{}");
}

if (process.argv[2] === "stdio") {
	serveStdio(makeServer);
} else {
	const stateless = toNodeHandler(createMcpHandler(makeServer));
	const server = createServer((request, response) => {
		if (request.headers["mcp-protocol-version"] >= "2026-07-28")
			return stateless(request, response);
		return serveSession(request, response);
	});
	server.keepAliveTimeout = 60000;
	server.on("connection", (socket) => socket.setNoDelay(true));
	server.listen(Number(process.argv[3]), "127.0.0.1", 1024,
		() => console.log(`listening 127.0.0.1:${process.argv[3]}`));
}
