/* SPDX-License-Identifier: Apache-2.0 */
/* The least right answers, byte for byte, and where ids stand. */
#ifndef BENCH_LIMIT_H
#define BENCH_LIMIT_H

#define LIMIT_ID_AT 22 /* after {"jsonrpc":"2.0","id": */
#define LIMIT_ID_LEN 7
#define LIMIT_ENVELOPE "{\"jsonrpc\":\"2.0\",\"id\":1000001,"
#define LIMIT_CONTENT \
	"\"content\":[{\"type\":\"text\",\"text\":\"hello world\"}]"
/* 90 bytes */
#define LIMIT_ANSWER LIMIT_ENVELOPE "\"result\":{" LIMIT_CONTENT "}}"

#endif
