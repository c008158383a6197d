/* SPDX-License-Identifier: Apache-2.0 */
/* Connections that break under a session: the SDK comes back by itself with
 * Last-Event-ID, and each event has come exactly once. */
import { text } from "./cases.mjs";
import { check, must } from "./checks.mjs";
import { makeInbox, withPeer } from "./features.mjs";
import { makeProxy } from "./proxy.mjs";

const WATCHED = "test://watched-resource";
const UPDATED = "notifications/resources/updated";
const PROMPTS_CHANGED = "notifications/prompts/list_changed";
const PROGRESS = "notifications/progress";
/* At once and for ever: the test ends it. */
const again = { initialReconnectionDelay: 10, maxReconnectionDelay: 20,
	reconnectionDelayGrowFactor: 1, maxRetries: 100000 };

/* A peer behind a proxy, and one that nothing happens to. */
async function withProxy(kit, target, body) {
	const proxy = await makeProxy(target);
	const inbox = makeInbox();

	try {
		await withPeer(kit, {}, (peer) =>
			withPeer(kit, {}, (other) =>
				body({ proxy, peer, other, inbox })), {
			url: proxy.url, reconnectionOptions: again,
			sees: (message) => inbox.put(message) });
	} finally {
		proxy.close();
	}
}

const slow = (peer, seconds, label) => peer.call({ name: "slow_compute",
	arguments: { seconds, label } }, { onprogress: () => {} });

/* All progress of one call of so many tenths of a second, each once; what
 * came twice or for another would be too much. */
function mustBeWhole(inbox, tenths) {
	const came = inbox.filter((m) => m.method === PROGRESS)
		.map((m) => Math.round(m.params.progress * 10));
	const results = inbox.filter((m) => m.result?.content);

	must(came.join() === [...Array(tenths + 1).keys()].join(),
		`progress ${came}`);
	must(results.length === 1, `${results.length} results`);
}

/* Four at once, so that the replays could be mixed up. */
async function goesOn(kit, target) {
	const proxies = [], inboxes = [], peers = [], calls = [];

	try {
		for (let i = 0; i < 4; i++) {
			proxies.push(await makeProxy(target));
			inboxes.push(makeInbox());
			peers.push(await kit.open({}, { url: proxies[i].url,
				reconnectionOptions: again,
				sees: (message) => inboxes[i].put(message) }));
			await peers[i].ready;
		}
		for (const [i, peer] of peers.entries())
			calls.push(slow(peer, 1, `label${i}`));
		for (const count of [3, 6, 9]) {
			await Promise.all(inboxes.map((inbox) => inbox.until(count)));
			proxies.forEach((proxy) => proxy.cut());
		}
		for (const [i, call] of calls.entries()) {
			const said = text(await call);
			must(said === `label${i}: done after 1 s`, said);
			mustBeWhole(inboxes[i], 10);
		}
	} finally {
		await Promise.allSettled(peers.map((peer) => peer.close()));
		proxies.forEach((proxy) => proxy.close());
	}
}

/* The call ends while its caller cannot be reached. */
async function waitsForTheAbsent(kit, target) {
	await withProxy(kit, target, async ({ proxy, peer, other, inbox }) => {
		const call = slow(peer, 0.2, "away");

		await inbox.until(1);
		proxy.refusing = true;
		proxy.cut();
		await proxy.untilRefused();
		await slow(other, 0.4, "meanwhile");
		proxy.refusing = false;
		const said = text(await call);
		must(said === "away: done after 0.2 s", said);
		mustBeWhole(inbox, 2);
	});
}

/* What nobody asked for comes on the session's own stream. */
async function hearsWhatItMissed(kit, target) {
	await withProxy(kit, target, async ({ proxy, peer, other }) => {
		const heard = makeInbox(), lists = makeInbox();
		const touch = () => other.call({ name: "touch_watched_resource" });

		peer.hear(UPDATED, (n) => heard.put(n.params.uri));
		peer.hear(PROMPTS_CHANGED, () => lists.put(1));
		await peer.client.subscribeResource({ uri: WATCHED });
		await touch();
		await heard.until(1);
		proxy.refusing = true;
		proxy.cut();
		await proxy.untilRefused();
		await touch();
		await other.call({ name: "test_trigger_prompt_change" });
		proxy.refusing = false;
		await heard.until(2);
		await lists.until(1);
		await touch();
		await heard.until(3);
		must(heard.length === 3 && lists.length === 1,
			`${heard.length} updates, ${lists.length} lists`);
	});
}

export async function runResume(kit, target) {
	for (const [name, body] of [
		["calls of four sessions go on after three cuts", goesOn],
		["an answer waits for a client that is away", waitsForTheAbsent],
		["a session hears what it missed, once", hearsWhatItMissed]])
		await check(name, () => body(kit, target));
}
