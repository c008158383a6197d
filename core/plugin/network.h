/* SPDX-License-Identifier: Apache-2.0 */
/* A network with nothing in it, not even a loopback, for all runners that are
 * granted none: the second wall behind their list of system calls.  One for
 * all, since each costs the kernel milliseconds and memory, and in an empty one
 * there is nobody to meet. */
#ifndef PLUGIN_NETWORK_H
#define PLUGIN_NETWORK_H

#include <stdbool.h>

#define NETWORK_FDS 2 /* of the network, and of who may enter it */

struct plugin_network;

/* [control] It is made when the first runner wants it.  NULL: out of memory. */
struct plugin_network *plugin_network_create(void);
/* [control] May be NULL. */
void plugin_network_destroy(struct plugin_network *n);
/* [control] How many descriptors lead there, borrowed; 0: there can be none. */
unsigned plugin_network_fds(struct plugin_network *n, int fds[NETWORK_FDS]);

/* In the runner, with one thread: goes there for good, and closes them.  False:
 * it stays where it is. */
bool plugin_network_enter(int first_fd);

#endif
