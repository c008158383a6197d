/* SPDX-License-Identifier: Apache-2.0 */
/* Listening sockets.  TCP: one socket a reactor (SO_REUSEPORT, TCP_NODELAY
 * inherited by accepted sockets).  Unix: one socket, shared by all reactors. */
#ifndef NET_LISTENER_H
#define NET_LISTENER_H

#include "loop/loop.h"
#include "net/addr.h"

#define NET_BACKLOG 4096

/* [control] Opens and binds, non-blocking and close-on-exec.  Port 0 picks
 * one: *bound has it.  EADDRINUSE etc. become one line with a remedy. A stale
 * Unix socket file (nobody listens) is replaced, a live one is refused. */
int net_listen_open(const struct net_addr *a, struct net_addr *bound,
    int *fd, struct err *err);

struct net_listener;

/* [reactor] Accepts on fd until stopped; fn gets each new descriptor (owned,
 * non-blocking, close-on-exec).  Descriptor exhaustion follows the recipe of
 * security.md 2.4: reserve descriptor, 100 ms pause, one log line a second. */
struct net_listener *net_listener_start(struct loop *l, int fd,
    void (*fn)(void *arg, int fd, const struct net_addr *peer), void *arg,
    struct err *err);
/* Does not close fd. */
void net_listener_stop(struct net_listener *n);

#endif
