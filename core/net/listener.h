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
int net_listen_open(
    const struct net_addr *a, struct net_addr *bound, int *fd, struct err *err);
/* [control] ERR_EXISTS when some process listens on a TCP address: with
 * SO_REUSEPORT a second server of the same user would else share the port in
 * silence.  Call it once, before the first net_listen_open() of an address. */
int net_listen_probe(const struct net_addr *a, struct err *err);
/* [control] Closes a socket of net_listen_open(); removes the file of a Unix
 * socket. */
void net_listen_close(int fd, const struct net_addr *bound);
/* [control] The same where others close the descriptor. */
void net_listen_forget(const struct net_addr *bound);

struct net_listener;

/* [reactor] Accepts on fd until stopped; fn gets each new descriptor (owned,
 * non-blocking, close-on-exec).  Descriptor exhaustion follows the recipe of
 * security.md 2.4: reserve descriptor, 100 ms pause, one log line a second. */
struct net_listener *net_listener_start(struct loop *l, int fd,
    void (*fn)(void *arg, int fd, const struct net_addr *peer), void *arg,
    struct err *err);
/* Does not close fd.  Allowed inside fn. */
void net_listener_stop(struct net_listener *n);
/* fn may write a last word to who is shed; fd is closed after it. */
void net_listener_on_shed(
    struct net_listener *n, void (*fn)(void *arg, int fd));
/* Connections closed unserved for want of descriptors or memory. */
uint64_t net_listener_shed(const struct net_listener *n);

#endif
