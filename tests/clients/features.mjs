/* SPDX-License-Identifier: Apache-2.0 */
/* Everything beyond lists and plain calls, asked of one generation of the SDK
 * in one era over one transport.  A kit (sdk1.mjs, sdk2.mjs) hides what the
 * generations call differently:
 *   stateless, http      what this is
 *   notFound             the code of a resource that is not there
 *   open(capabilities)   a connected peer: client, transport, sees, close(),
 *                        call(params, options), answer(method, handler),
 *                        hear(method, handler), ready: its stream is open
 */
import { readFileSync, renameSync, writeFileSync } from "node:fs";
import { text } from "./cases.mjs";
import { check, must } from "./checks.mjs";

const MANIFEST = process.env.FIXTURE_MANIFEST;
const WATCHED = "test://watched-resource";
const LEVEL = "io.modelcontextprotocol/logLevel";
const TOOLS_CHANGED = "notifications/tools/list_changed";
const PROMPTS_CHANGED = "notifications/prompts/list_changed";
const UPDATED = "notifications/resources/updated";
const shown = (value) => JSON.stringify(value)?.slice(0, 300);

function mustSay(result, wanted) {
	must(text(result) === wanted, `${shown(result)} is not ${wanted}`);
}

/* What has come, and a wait for more of it. */
export function makeInbox() {
	const inbox = [];
	let wake = () => {};

	inbox.put = (item) => {
		inbox.push(item);
		wake();
	};
	inbox.until = async (count) => {
		while (inbox.length < count)
			await new Promise((done) => {
				wake = done;
			});
	};
	return inbox;
}

/* The code that the server gave.  Where the revision wants another HTTP status
 * than 200, the SDK keeps the answer's text. */
function codeOf(error) {
	return error.data?.text ? JSON.parse(error.data.text).error.code
		: error.code;
}

/* Runs body with a peer that is closed in any case. */
export async function withPeer(kit, capabilities, body, options) {
	const peer = await kit.open(capabilities, options);

	try {
		await peer.ready;
		return await body(peer);
	} finally {
		await peer.close();
	}
}

async function failure(promise) {
	const answer = await promise.then((value) => value, (error) => error);

	must(answer instanceof Error, `no error: ${shown(answer)}`);
	return answer;
}

/* --- asking and reading --- */

async function completes({ client }) {
	const word = await client.complete({
		ref: { type: "ref/prompt", name: "test_prompt_with_arguments" },
		argument: { name: "arg1", value: "par" } });
	must(word.completion.values.join() === "paris,park,party"
		&& word.completion.total === 3, shown(word));
	const id = await client.complete({
		ref: { type: "ref/resource", uri: "test://template/{id}/data" },
		argument: { name: "id", value: "teste" } });
	must(id.completion.values.join() === "tested", shown(id));
}

async function getsPrompts({ client }) {
	const { prompts } = await client.listPrompts();
	must(prompts.some((p) => p.name === "test_prompt_with_arguments"
		&& p.arguments.length === 2), shown(prompts));
	const got = await client.getPrompt({ name: "test_prompt_with_arguments",
		arguments: { arg1: "one", arg2: "two" } });
	must(got.messages.length === 1 && got.messages[0].content.text
		=== "Prompt with arguments: arg1='one', arg2='two'", shown(got));
}

async function readsResources({ client }) {
	const image = await client.readResource({ uri: "test://static-binary" });
	must(Buffer.from(image.contents[0].blob, "base64")
		.subarray(1, 4).toString() === "PNG", shown(image));
	const data = await client.readResource({ uri: "test://template/7/data" });
	must(JSON.parse(data.contents[0].text).id === "7", shown(data));
}

async function takesEveryBlock(peer) {
	const mixed = await peer.call({ name: "test_multiple_content_types" });
	must(mixed.content.map((b) => b.type).join() === "text,image,resource"
		&& mixed.content[0].text === "Multiple content types test:",
		shown(mixed));
	const audio = await peer.call({ name: "test_audio_content" });
	must(Buffer.from(audio.content[0].data, "base64")
		.subarray(0, 4).toString() === "RIFF", shown(audio));
	const big = await peer.call({ name: "test_big",
		arguments: { bytes: 3000000 } });
	must(text(big).length === 3000000, "the large text is not whole");
}

async function validatesStructure({ client }, peer) {
	await client.listTools();
	const sum = await peer.call({ name: "test_structured_content",
		arguments: { a: 1.5, b: 2 } });
	must(sum.structuredContent.sum === 3.5, shown(sum));
}

/* Each page by its cursor, whatever the SDK would gather by itself. */
async function turnsPages(peer) {
	const seen = [];
	let cursor, pages = 0;

	do {
		const page = await peer.request("tools/list",
			cursor ? { cursor } : {});
		seen.push(...page.tools.map((t) => t.name));
		cursor = page.nextCursor;
		pages++;
	} while (cursor);
	const many = seen.filter((n) => n.startsWith("many_"));
	must(many.length === 250 && new Set(seen).size === seen.length,
		`${many.length} of 250`);
	must(pages === Math.ceil(seen.length / 100), `${pages} pages`);
	const whole = await peer.client.listTools();
	must(whole.nextCursor !== undefined
		|| whole.tools.length === seen.length, `${whole.tools.length}`);
	const error = await failure(peer.request("tools/list",
		{ cursor: "nowhere" }));
	must(codeOf(error) === -32602, `code ${codeOf(error)}`);
}

async function reportsErrors(kit, peer) {
	const { client } = peer;
	const codes = [
		[-32602, () => client.getPrompt({ name: "no_such_prompt" })],
		[-32602, () => client.getPrompt(
			{ name: "test_prompt_with_arguments" })],
		[kit.notFound, () => client.readResource(
			{ uri: "test://no/such" })],
		[-32601, () => peer.request("no/such", {})],
	];

	for (const [code, ask] of codes) {
		const error = await failure(ask());
		must(codeOf(error) === code, `${codeOf(error)}, wanted ${code}`);
	}
	const failed = await peer.call({ name: "test_error_handling" });
	must(failed.isError && text(failed)
		=== "This tool intentionally returns an error for testing",
		shown(failed));
}

/* The SDK mirrors what it read in the list; the server compares. */
async function mirrorsHeaders({ client, call }) {
	await client.listTools();
	mustSay(await call({ name: "test_x_mcp_header",
		arguments: { region: "Zürich west", level: 3 } }),
	"region=Zürich west, level=3");
}

/* --- while a call runs --- */

/* The SDK itself may drop the last one when its answer comes along. */
async function progresses(peer) {
	const heard = [];
	const done = await peer.call({ name: "slow_compute",
		arguments: { seconds: 0.35, label: "lathe" } },
	{ onprogress: (p) => heard.push(p) });
	mustSay(done, "lathe: done after 0.35 s");
	must(heard.length >= 3, `only ${heard.length}`);
	heard.forEach((p, i) => must(p.total === 0.35
		&& p.progress === [0, 0.1, 0.2, 0.3, 0.35][i], shown(heard)));
}

/* The plugin runs 64 at once: if no cancellation came to its handlers, no
 * later call would begin. */
async function cancels(peer) {
	for (let i = 0; i < 70; i++) {
		const stop = new AbortController();
		await failure(peer.call({ name: "slow_compute",
			arguments: { seconds: 3600 } },
		{ signal: stop.signal, onprogress: () => stop.abort() }));
	}
	mustSay(await peer.call({ name: "greet", arguments: { name: "Ada" } }),
		"Hello, Ada!");
}

async function hearsLogs(kit, peer) {
	const heard = makeInbox();
	const log = (level) => peer.call({ name: "test_logging_tool",
		...kit.stateless && level ? { _meta: { [LEVEL]: level } } : {} });

	peer.hear("notifications/message", (n) => heard.put(n.params));
	if (!kit.stateless)
		await peer.client.setLoggingLevel("error");
	await log(kit.stateless ? undefined : "error");
	await log("error");
	if (!kit.stateless)
		await peer.client.setLoggingLevel("info");
	await log("info");
	await heard.until(1);
	must(heard.length === 1 && heard[0].level === "info"
		&& heard[0].data === "test_logging_tool was called", shown(heard));
}

/* --- the client is asked --- */

const FORM = "test_input_required_result_elicitation";

async function elicits(kit) {
	const replies = {
		accept: [{ action: "accept", content: { name: "Ada" } },
			"Hello, Ada!"],
		decline: [{ action: "decline" }, "The user did not answer."],
		cancel: [{ action: "cancel" }, "The user did not answer."],
	};

	await withPeer(kit, { elicitation: { form: {} } }, async (peer) => {
		for (const [reply, wanted] of Object.values(replies)) {
			const asked = [];
			peer.answer("elicitation/create", (request) => {
				asked.push(request.params);
				return reply;
			});
			mustSay(await peer.call({ name: FORM }), wanted);
			must(asked.length === 1
				&& asked[0].message === "What is your name?"
				&& asked[0].requestedSchema.required[0] === "name",
			shown(asked));
		}
	});
}

/* The SDK fills in what the form says. */
async function elicitsDefaults(kit) {
	await withPeer(kit, { elicitation: { form: { applyDefaults: true } } },
		async (peer) => {
			peer.answer("elicitation/create",
				() => ({ action: "accept", content: {} }));
			const said = text(await peer.call(
				{ name: "test_elicitation_sep1034_defaults" }));
			must(/action=accept/.test(said) && /John Doe/.test(said)
				&& /95\.5/.test(said), said);
		});
}

async function elicitsUrl(kit) {
	await withPeer(kit, { elicitation: { url: {} } }, async (peer) => {
		peer.answer("elicitation/create", ({ params }) => {
			must(params.mode === "url"
				&& params.url === "https://example.com/sign-in?x=1",
			shown(params));
			return { action: "accept" };
		});
		mustSay(await peer.call({ name: "ask_url" }),
			"The user chose accept.");
	});
}

async function samples(kit) {
	await withPeer(kit, { sampling: {} }, async (peer) => {
		peer.answer("sampling/createMessage", ({ params }) => ({
			model: "m", role: "assistant", content: { type: "text",
				text: `${params.messages[0].content.text}?` } }));
		mustSay(await peer.call({ name: "test_sampling",
			arguments: { prompt: "Grüße \u{1f600}" } }),
		"LLM response: Grüße \u{1f600}?");
	});
}

async function samplesWithTools(kit) {
	await withPeer(kit, { sampling: { tools: {} } }, async (peer) => {
		peer.answer("sampling/createMessage", ({ params }) => ({
			model: "m", role: "assistant", stopReason: "toolUse",
			content: [{ type: "tool_use", id: "u1",
				name: params.tools[0].name, input: { city: "Ulm" } }] }));
		mustSay(await peer.call({ name: "ask_model_with_tools" }),
			"The model wants weather.");
	});
}

async function tellsRoots(kit) {
	const roots = [{ uri: "file:///home/ada", name: "Ada" }];

	await withPeer(kit, { roots: {} }, async (peer) => {
		peer.answer("roots/list", () => ({ roots }));
		const said = text(await peer.call(
			{ name: "test_input_required_result_list_roots" }));
		must(said.startsWith("Client roots: ") && JSON.stringify(
			JSON.parse(said.slice(14))) === JSON.stringify(roots), said);
	});
}

/* Twice, with a state in between; and three questions at once. */
async function answersRounds(kit) {
	await withPeer(kit, { elicitation: {}, sampling: {}, roots: {} },
		async (peer) => {
			peer.answer("elicitation/create", ({ params }) => ({
				action: "accept", content: /color/.test(params.message)
					? { color: "blue" } : { name: "Ada", ok: true } }));
			peer.answer("sampling/createMessage", () => ({ model: "m",
				role: "assistant", content: { type: "text", text: "Hi" } }));
			peer.answer("roots/list", () => ({ roots: [] }));
			const name = "test_input_required_result_";
			mustSay(await peer.call({ name: `${name}multi_round` }),
				"Ada likes blue.");
			mustSay(await peer.call({ name: `${name}multiple_inputs` }),
				"Ada: Hi (0 roots)");
			mustSay(await peer.call({ name: `${name}request_state` }),
				"state-ok");
		});
}

/* Nothing is asked of a client that did not say it can. */
async function asksOnlyWhatIsOffered(kit) {
	await withPeer(kit, {}, async (peer) => {
		const answer = await peer.call({ name: "test_missing_capability" })
			.catch((error) => error);
		if (kit.stateless)
			must(codeOf(answer) === -32021, `code ${codeOf(answer)}`);
		else
			must(answer.isError === true, shown(answer));
	});
}

/* --- changes --- */

/* Asks to be told of what filter says, as the era does it; returns the end. */
async function subscribe(kit, peer, filter) {
	if (kit.stateless) {
		const stream = await peer.client.listen(filter);
		return () => stream.close();
	}
	for (const uri of filter.resourceSubscriptions ?? [])
		await peer.client.subscribeResource({ uri });
	return async () => {
		for (const uri of filter.resourceSubscriptions ?? [])
			await peer.client.unsubscribeResource({ uri });
	};
}

/* The change of the prompts comes behind what the test waits not to hear. */
async function hearsUpdates(kit, peer) {
	const heard = makeInbox(), lists = makeInbox();
	const touch = () => peer.call({ name: "touch_watched_resource" });

	peer.hear(UPDATED, (n) => heard.put(n.params.uri));
	peer.hear(PROMPTS_CHANGED, () => lists.put(1));
	const end = await subscribe(kit, peer,
		{ resourceSubscriptions: [WATCHED] });
	await touch();
	await heard.until(1);
	must(heard[0] === WATCHED, shown(heard));
	await end();
	const endLists = await subscribe(kit, peer, { promptsListChanged: true });
	await touch();
	await peer.call({ name: "test_trigger_prompt_change" });
	await lists.until(1);
	must(heard.length === 1, "told after unsubscribing");
	await endLists();
}

/* By rename: the server never reads half a manifest. */
function describeAgain(from, to) {
	const changed = readFileSync(MANIFEST, "utf8").replaceAll(from, to);

	writeFileSync(`${MANIFEST}.new`, changed);
	renameSync(`${MANIFEST}.new`, MANIFEST);
}

/* A plugin is loaded anew while its callers are connected. */
async function hearsReload(kit, peer) {
	const heard = makeInbox();
	const description = async () => {
		for (let cursor; ;) {
			const page = await peer.request("tools/list",
				cursor ? { cursor } : {});
			const tool = page.tools.find((t) => t.name === "many_007");
			if (tool)
				return tool.description;
			cursor = page.nextCursor;
			must(cursor, "many_007 is not listed");
		}
	};

	peer.hear(TOOLS_CHANGED, () => heard.put(1));
	const end = await subscribe(kit, peer, { toolsListChanged: true });
	must(await description() === "One of many.", await description());
	describeAgain("One of many.", "One of very many.");
	try {
		await heard.until(1);
		must(await description() === "One of very many.",
			await description());
		mustSay(await peer.call({ name: "many_007" }), "many_007");
	} finally {
		describeAgain("One of very many.", "One of many.");
	}
	await heard.until(2);
	must(await description() === "One of many.", "the old one is gone");
	await end();
}

/* --- several at once --- */

async function oneOfMany(peer, me) {
	peer.answer("elicitation/create", ({ params }) => ({ action: "accept",
		content: { username: params.message, email: `${me}@b.c` } }));
	for (let i = 0; i < 15; i++) {
		const mine = `${me}-${i}`, heard = [];
		const [echo, slow, form] = await Promise.all([
			peer.call({ name: "echo", arguments: { message: mine } }),
			peer.call({ name: "slow_compute",
				arguments: { seconds: 0.02, label: mine } },
			{ onprogress: (p) => heard.push(p) }),
			peer.call({ name: "test_elicitation",
				arguments: { message: mine } }),
		]);
		mustSay(echo, mine);
		mustSay(slow, `${mine}: done after 0.02 s`);
		must(heard.every((p) => p.total === 0.02), shown(heard));
		must(text(form).includes(`"${mine}"`)
			&& text(form).includes(`"${me}@b.c"`), text(form));
	}
}

/* All begin with the same request ids and progress tokens. */
async function keepsSessionsApart(kit) {
	const peers = await Promise.all([..."abcdefgh"].map(() =>
		kit.open({ elicitation: { form: {} } })));

	try {
		await Promise.all(peers.map((peer, i) =>
			oneOfMany(peer, `session${i}`)));
	} finally {
		await Promise.all(peers.map((peer) => peer.close()));
	}
}

const alone = [
	["complete an argument and a variable", (kit, p) => completes(p)],
	["list and get prompts", (kit, p) => getsPrompts(p)],
	["read a binary resource and a template", (kit, p) => readsResources(p)],
	["every kind of content, and a large one", (kit, p) => takesEveryBlock(p)],
	["the SDK validates structured content",
		(kit, p) => validatesStructure(p, p)],
	["a list of several pages", (kit, p) => turnsPages(p)],
	["errors as the SDK reports them", reportsErrors],
	["progress", (kit, p) => progresses(p)],
	["70 cancelled calls leave no handler behind", (kit, p) => cancels(p)],
	["log messages by level", hearsLogs],
	["a resource's updates, and none when unsubscribed", hearsUpdates],
	["a plugin's reload while connected", hearsReload],
];

const asked = [
	["elicitation: accept, decline, cancel", elicits],
	["elicitation: the SDK's defaults", elicitsDefaults],
	["elicitation: an address to open", elicitsUrl],
	["sampling", samples],
	["sampling with tools", samplesWithTools],
	["roots", tellsRoots],
	["several rounds, several questions", answersRounds],
	["nothing is asked that was not offered", asksOnlyWhatIsOffered],
	["eight clients with equal ids", keepsSessionsApart],
];

export async function runFeatures(kit) {
	for (const [name, body] of alone)
		await check(name, () =>
			withPeer(kit, {}, (peer) => body(kit, peer)));
	for (const [name, body] of asked)
		await check(name, () => body(kit));
	if (kit.stateless && kit.http)
		await check("arguments mirrored as header fields", () =>
			withPeer(kit, {}, mirrorsHeaders));
}
