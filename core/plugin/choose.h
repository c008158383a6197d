/* SPDX-License-Identifier: Apache-2.0 */
/* Which of several runners a call goes to. */
#ifndef PLUGIN_CHOOSE_H
#define PLUGIN_CHOOSE_H

#include <stdint.h>

#define CHOOSE_NEVER UINT32_MAX /* there is none */
#define CHOOSE_LAST (UINT32_MAX - 1) /* has no room */

/* [any] The one with the least load; of several: the first from turn on, around
 * the end.  n: there is none. */
unsigned plugin_choose(const uint32_t *loads, unsigned n, unsigned turn);

#endif
