/* SPDX-License-Identifier: Apache-2.0 */
/* The least of some loads, in turns. */
#include "plugin/choose.h"

unsigned
plugin_choose(const uint32_t *loads, unsigned n, unsigned turn)
{
	uint32_t least = CHOOSE_NEVER;
	unsigned best = n;

	for (unsigned i = 0, at = turn; i < n; i++) {
		if (loads[at] < least) {
			least = loads[at];
			best = at;
		}
		at = at + 1 < n ? at + 1 : 0;
	}
	return best;
}
