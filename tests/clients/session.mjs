/* SPDX-License-Identifier: Apache-2.0 */
/* What is asked of a connected client, whatever its generation. */
import { NOTE, cases, root, toolNames } from "./cases.mjs";
import { check, must } from "./checks.mjs";

async function allTools(client) {
	const tools = [];
	let cursor;

	do {
		const page = await client.listTools(cursor ? { cursor } : undefined);
		tools.push(...page.tools);
		cursor = page.nextCursor;
	} while (cursor);
	return tools;
}

async function runResources(client) {
	await check("files://roots is listed", async () => {
		const { resources } = await client.listResources();
		must(resources.some((r) => r.uri === "files://roots"),
			JSON.stringify(resources));
	});
	await check("the template of files is listed", async () => {
		const { resourceTemplates } = await client.listResourceTemplates();
		must(resourceTemplates.some(
			(t) => t.uriTemplate === "file:///{+path}"),
			JSON.stringify(resourceTemplates));
	});
	await check("a file is read as a resource", async () => {
		const uri = `file://${root}/note.txt`;
		const { contents } = await client.readResource({ uri });
		must(contents.length === 1 && contents[0].uri === uri
			&& contents[0].text.includes(NOTE), JSON.stringify(contents));
	});
	await check("a file outside is no resource", async () => {
		const answer = await client.readResource(
			{ uri: "file:///etc/passwd" }).catch((error) => error);
		must(answer instanceof Error, JSON.stringify(answer).slice(0, 200));
	});
}

/* Lists the tools and calls each of them as the cases say, then resources. */
export async function runCases(client) {
	const tools = await check("list the tools", () => allTools(client)) ?? [];

	for (const name of toolNames) {
		await check(`${name} is listed`, async () => {
			const tool = tools.find((t) => t.name === name);
			must(tool, `only ${tools.map((t) => t.name).join(", ")}`);
			must(tool.description, "no description");
			must(tool.inputSchema?.type === "object", "no inputSchema");
		});
	}
	for (const c of cases) {
		await check(`${c.tool} ${JSON.stringify(c.args)}`, async () =>
			c.expect(await client.callTool(
				{ name: c.tool, arguments: c.args })));
	}
	await runResources(client);
	await check("64 calls at once", async () => {
		const numbers = [...Array(64).keys()].map(String);
		const results = await Promise.all(numbers.map((message) =>
			client.callTool({ name: "echo", arguments: { message } })));
		results.forEach((r, i) => must(
			r.content[0].text === numbers[i], `answer ${i} is mixed up`));
	});
	await check("an unknown tool is an error", async () => {
		const answer = await client.callTool({ name: "no_such_tool" })
			.catch((error) => error);
		must(answer instanceof Error, JSON.stringify(answer));
		must(answer.code === -32602, `code ${answer.code}`);
	});
}
