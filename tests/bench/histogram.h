/* SPDX-License-Identifier: Apache-2.0 */
/* Latencies in buckets that grow with the value: 64 a power of two, so that
 * a quantile is at most 1.6 % above the true one. One thread. */
#ifndef BENCH_HISTOGRAM_H
#define BENCH_HISTOGRAM_H

#include <stdint.h>

#define HISTOGRAM_SUB_BITS 6
#define HISTOGRAM_SUB (1u << HISTOGRAM_SUB_BITS)
#define HISTOGRAM_BUCKETS ((64u - HISTOGRAM_SUB_BITS + 1u) * HISTOGRAM_SUB)

struct histogram {
	uint64_t count;
	uint64_t max_ns;
	uint32_t bucket[HISTOGRAM_BUCKETS];
};

/* Counts one latency. */
void histogram_put(struct histogram *h, int64_t ns);
/* The latency in microseconds that the share q of all values does not pass. */
double histogram_quantile_us(const struct histogram *h, double q);

#endif
