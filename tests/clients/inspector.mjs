/* SPDX-License-Identifier: Apache-2.0 */
/* The MCP Inspector's command line, which prints a result as JSON.
 *   inspector.mjs URL COMMAND [ARGUMENT ...]
 */
import { execFile } from "node:child_process";
import { mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { createRequire } from "node:module";
import { tmpdir } from "node:os";
import { dirname, join } from "node:path";
import { promisify } from "node:util";
import { about, check, finish, must } from "./checks.mjs";
import { cases, toolNames } from "./cases.mjs";

const [url, command, ...args] = process.argv.slice(2);
const run = promisify(execFile);
const main = join(dirname(createRequire(import.meta.url)
	.resolve("@modelcontextprotocol/inspector/package.json")),
	"clients/launcher/build/index.js");

/* The Inspector would take the server's flags for its own, so they go by a
 * file; and it starts servers with an environment of its own. */
const file = join(mkdtempSync(join(tmpdir(), "inspector-")), "mcp.json");
writeFileSync(file, JSON.stringify({ mcpServers: { tested: {
	type: "stdio", command, args,
	env: { FILES_ROOT: process.env.FILES_ROOT ?? "" } } } }));

/* Runs the Inspector; its standard output is one JSON value. */
async function inspect(target, more) {
	const { stdout } = await run(process.execPath,
		[main, "--cli", ...target, ...more],
		{ timeout: 20000, maxBuffer: 1 << 24 })
		.catch((error) => {
			/* A tool that fails makes the Inspector exit with an error
			 * after it has printed the result. */
			if (error.stdout?.trimStart().startsWith("{"))
				return error;
			throw error;
		});
	return JSON.parse(stdout);
}

function argument([name, value]) {
	return ["--tool-arg", `${name}=${value}`];
}

/* Control characters do not survive as words of a command line. */
function plain(c) {
	return !/[\n"\\]/.test(Object.values(c.args).join(""));
}

async function one(kind, target) {
	about(`Inspector, ${kind}`);
	await check("list the tools", async () => {
		const { tools } = await inspect(target, ["--method", "tools/list"]);
		for (const name of toolNames)
			must(tools.some((t) => t.name === name), `${name} is missing`);
	});
	for (const c of cases.filter(plain)) {
		await check(`${c.tool} ${JSON.stringify(c.args)}`, async () =>
			c.expect(await inspect(target, ["--method", "tools/call",
				"--tool-name", c.tool,
				...Object.entries(c.args).flatMap(argument)])));
	}
}

for (const era of ["legacy", "modern", "auto"]) {
	await one(`HTTP, ${era}`,
		["--transport", "http", "--server-url", url, "--protocol-era", era]);
	await one(`stdio, ${era}`,
		["--config", file, "--server", "tested", "--protocol-era", era]);
}
rmSync(dirname(file), { recursive: true });
finish();
