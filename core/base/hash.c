/* SPDX-License-Identifier: Apache-2.0 */
/* SipHash: short input, secret key, so that a peer cannot make all its keys
 * meet in one slot.  1-3 is the variant that hash tables use. */
#include "base/hash.h"

#include <sys/random.h>

#include <endian.h>
#include <errno.h>
#include <pthread.h>
#include <string.h>

#include "base/check.h"

static pthread_once_t key_once = PTHREAD_ONCE_INIT;
static unsigned char process_key[16];

static inline uint64_t
rotate(uint64_t x, unsigned n)
{
	return x << n | x >> (64 - n);
}

static inline uint64_t
load64(const unsigned char *p)
{
	uint64_t x;

	memcpy(&x, p, sizeof x);
	return le64toh(x);
}

/* By value, so that the four words stay in registers. */
struct state {
	uint64_t a, b, c, d;
};

static inline struct state
sip_round(struct state v)
{
	v.a += v.b;
	v.b = rotate(v.b, 13) ^ v.a;
	v.a = rotate(v.a, 32);
	v.c += v.d;
	v.d = rotate(v.d, 16) ^ v.c;
	v.a += v.d;
	v.d = rotate(v.d, 21) ^ v.a;
	v.c += v.b;
	v.b = rotate(v.b, 17) ^ v.c;
	v.c = rotate(v.c, 32);
	return v;
}

static inline struct state
rounds(struct state v, unsigned n)
{
	while (n-- > 0)
		v = sip_round(v);
	return v;
}

static inline struct state
absorb(struct state v, uint64_t word, unsigned n)
{
	v.d ^= word;
	v = rounds(v, n);
	v.a ^= word;
	return v;
}

/* compress and finish are the c and d of SipHash-c-d. */
static inline uint64_t
siphash(const unsigned char key[16], const unsigned char *in, size_t len,
    unsigned compress, unsigned finish)
{
	uint64_t k0 = load64(key), k1 = load64(key + 8);
	struct state v = { k0 ^ UINT64_C(0x736f6d6570736575),
		k1 ^ UINT64_C(0x646f72616e646f6d),
		k0 ^ UINT64_C(0x6c7967656e657261),
		k1 ^ UINT64_C(0x7465646279746573) };
	uint64_t last = (uint64_t)len << 56;
	size_t left = len;

	for (; left >= 8; left -= 8, in += 8)
		v = absorb(v, load64(in), compress);
	for (size_t i = 0; i < left; i++)
		last |= (uint64_t)in[i] << (8 * i);
	v = absorb(v, last, compress);
	v.c ^= 0xff;
	v = rounds(v, finish);
	return v.a ^ v.b ^ v.c ^ v.d;
}

static void
draw_key(void)
{
	random_bytes(process_key, sizeof process_key);
}

uint64_t
hash_bytes(struct str s)
{
	CHECK(pthread_once(&key_once, draw_key) == 0);
	return siphash(process_key, (const unsigned char *)s.ptr, s.len, 1, 3);
}

void
random_bytes(void *out, size_t len)
{
	char *at = out;

	while (len > 0) {
		ssize_t got = getrandom(at, len, 0);

		if (got < 0 && errno == EINTR)
			continue;
		CHECK(got > 0);
		at += got;
		len -= (size_t)got;
	}
}

void
random_hex(char *out, size_t len)
{
	/* Drawn into the far half of out, then spread from the front: the
	 * reader stays ahead of the writer until both meet at the end. */
	unsigned char *bytes = (unsigned char *)out + len;

	random_bytes(bytes, len);
	for (size_t i = 0; i < len; i++) {
		unsigned char byte = bytes[i];

		out[2 * i] = "0123456789abcdef"[byte >> 4];
		out[2 * i + 1] = "0123456789abcdef"[byte & 15];
	}
	out[2 * len] = '\0';
}
