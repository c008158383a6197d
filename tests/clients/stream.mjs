/* SPDX-License-Identifier: Apache-2.0 */
/* When does a session hear what nobody asked for?  The SDKs open that stream
 * some time after they are connected, and do not say when. */

/* The options of a transport, with opened: a promise for the GET stream. */
export function withStreamSeen(options) {
	let seen;
	const opened = new Promise((done) => {
		seen = done;
	});

	return { ...options, opened, fetch: async (target, init) => {
		const response = await fetch(target, init);
		if (init?.method === "GET" && response.ok)
			seen();
		return response;
	} };
}
