/* SPDX-License-Identifier: Apache-2.0 */
/* The client's connection, as its writer and its reader see it. */
#ifndef HTTP_CLIENT_PRIV_H
#define HTTP_CLIENT_PRIV_H

#include "http/client.h"

#include "base/arena.h"

#define CLIENT_MAGIC 0x68747470u
#define CLIENT_HEAD_MAX ((size_t)64 * 1024)
#define CLIENT_READ_SIZE ((size_t)16 * 1024)

struct http_client {
	uint32_t magic;
	int fd; /* negative: not connected */
	struct arena strings;
	const char *host; /* of the address; NULL: a Unix socket */
	const char *service;
	const char *socket_path;
	struct str authority; /* for Host */
	struct str path;
	struct buf in;
	size_t at; /* bytes of in that are used up */
	int wake; /* borrowed; negative: none */
};

/* One request and its answer. */
struct exchange {
	struct http_client *c;
	struct http_reply *reply;
	int (*on_data)(void *arg, struct str bytes);
	void *arg;
	int64_t deadline_ns;
	struct err *err;
	bool no_content; /* HEAD */
	bool close; /* the connection cannot be used again */
};

/* Waits until events are there: 0, ERR_TIMEOUT, ERR_IO, ERR_CANCELLED. */
int client_wait(struct exchange *x, short events);
/* Reads some bytes behind those there; ERR_CLOSED at the end. */
int client_fill(struct exchange *x);
/* Reads the answer whole. */
int client_reply_read(struct exchange *x);

#endif
