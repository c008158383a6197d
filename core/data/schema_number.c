/* SPDX-License-Identifier: Apache-2.0 */
/* Exact decimal arithmetic on the text of numbers: nothing is rounded at 2^53,
 * and 0.3 is a multiple of 0.1. */
#include <string.h>

#include "base/check.h"
#include "base/hash.h"
#include "data/schema_priv.h"

#define SMALL_DIGITS 18 /* always fit int64_t, and uint64_t times ten */
/* Beyond this all exponents are alike: no text of 1,024 bytes can balance
 * them with digits. */
#define EXPONENT_MAX ((int64_t)1000000000000000)

static int64_t
read_exponent(struct str s)
{
	bool negative = s.len > 0 && s.ptr[0] == '-';
	size_t i = s.len > 0 && (s.ptr[0] == '-' || s.ptr[0] == '+') ? 1 : 0;
	int64_t value = 0;

	for (; i < s.len; i++) {
		value = value * 10 + (s.ptr[i] - '0');
		if (value > EXPONENT_MAX)
			value = EXPONENT_MAX;
	}
	return negative ? -value : value;
}

void
schema_decimal_read(struct str raw, char *space, struct schema_decimal *out)
{
	size_t len = 0, dot, e, i = 0;
	struct str whole, mantissa;

	memset(out, 0, sizeof *out);
	if (raw.len > JSON_NUMBER_MAX)
		raw.len = JSON_NUMBER_MAX;
	out->negative = raw.len > 0 && raw.ptr[0] == '-';
	raw = str_sub(raw, out->negative ? 1 : 0, raw.len);
	CHECK(raw.ptr != NULL);
	for (e = 0; e < raw.len; e++)
		if (raw.ptr[e] == 'e' || raw.ptr[e] == 'E')
			break;
	mantissa = str_sub(raw, 0, e);
	out->exp = read_exponent(str_sub(raw, e + 1, raw.len));
	dot = str_find(mantissa, '.');
	whole = str_sub(mantissa, 0, dot);
	if (dot == mantissa.len) {
		out->digits = whole.ptr;
		len = whole.len;
	} else {
		memcpy(space, whole.ptr, whole.len);
		len = mantissa.len - 1;
		memcpy(
		    space + whole.len, mantissa.ptr + dot + 1, len - whole.len);
		out->exp -= (int64_t)(len - whole.len);
		out->digits = space;
	}
	while (i < len && out->digits[i] == '0')
		i++;
	while (len > i && out->digits[len - 1] == '0') {
		len--;
		out->exp++;
	}
	out->digits += i;
	out->len = len - i;
	if (out->len == 0) {
		out->exp = 0;
		out->negative = false;
	}
}

static int
compare_magnitude(
    const struct schema_decimal *a, const struct schema_decimal *b)
{
	int64_t top_a = a->exp + (int64_t)a->len;
	int64_t top_b = b->exp + (int64_t)b->len;
	size_t common = a->len < b->len ? a->len : b->len;
	int order;

	if (a->len == 0 || b->len == 0)
		return (a->len != 0) - (b->len != 0);
	if (top_a != top_b)
		return top_a < top_b ? -1 : 1;
	order = memcmp(a->digits, b->digits, common);
	if (order != 0)
		return order;
	return (a->len > b->len) - (a->len < b->len);
}

int
schema_decimal_compare(
    const struct schema_decimal *a, const struct schema_decimal *b)
{
	if (a->negative != b->negative)
		return a->negative ? -1 : 1;
	return a->negative ? compare_magnitude(b, a) : compare_magnitude(a, b);
}

/* Only for a plain integer of few digits. */
static int64_t
read_small(const struct json_node *n)
{
	const char *p = n->raw, *end = n->raw + n->raw_len;
	bool negative = *p == '-';
	int64_t value = 0;

	if (negative)
		p++;
	while (p < end)
		value = value * 10 + (*p++ - '0');
	return negative ? -value : value;
}

static bool
is_small(const struct json_node *n)
{
	return n->integer && n->raw_len <= SMALL_DIGITS;
}

bool
schema_number_is_integer(const struct json_node *n)
{
	char space[SCHEMA_DECIMAL_SPACE];
	struct schema_decimal d;

	if (n->integer)
		return true;
	schema_decimal_read(json_raw(n), space, &d);
	return d.exp >= 0;
}

/* Apart, so that the short way need not make room for digits. */
__attribute__((noinline)) static int
compare_exact(const struct json_node *n, const struct schema_limit *limit)
{
	char space[SCHEMA_DECIMAL_SPACE];
	struct schema_decimal d;

	schema_decimal_read(json_raw(n), space, &d);
	return schema_decimal_compare(&d, &limit->exact);
}

int
schema_number_compare(
    const struct json_node *n, const struct schema_limit *limit)
{
	int64_t value;

	if (!limit->small || !is_small(n))
		return compare_exact(n, limit);
	value = read_small(n);
	return (value > limit->value) - (value < limit->value);
}

/* The remainder of digits by a divisor below 10^18. */
static uint64_t
remainder_small(const struct schema_decimal *d, uint64_t divisor)
{
	uint64_t rest = 0;

	CHECK(divisor > 0); /* the compiler refuses 0 */
	for (size_t i = 0; i < d->len; i++)
		rest = (rest * 10 + (uint64_t)(d->digits[i] - '0')) % divisor;
	return rest;
}

/* Takes away the factors that 10^shift brings along. */
static uint64_t
without_tens(uint64_t divisor, int64_t shift)
{
	for (int64_t i = 0; i < shift && divisor % 2 == 0; i++)
		divisor /= 2;
	for (int64_t i = 0; i < shift && divisor % 5 == 0; i++)
		divisor /= 5;
	return divisor;
}

/* Divisors of any length, as digits with the highest first. */
struct big {
	unsigned char digits[JSON_NUMBER_MAX + 1];
	size_t len;
};

static bool
big_divide(struct big *b, unsigned by)
{
	struct big out = { .len = b->len };
	unsigned rest = 0;
	size_t lead = 0;

	for (size_t i = 0; i < b->len; i++) {
		rest = rest * 10 + b->digits[i];
		out.digits[i] = (unsigned char)(rest / by);
		rest %= by;
	}
	if (rest != 0)
		return false;
	while (lead + 1 < out.len && out.digits[lead] == 0)
		lead++;
	memmove(b->digits, out.digits + lead, out.len - lead);
	b->len = out.len - lead;
	return true;
}

static bool
big_not_less(const struct big *a, const struct big *b)
{
	if (a->len != b->len)
		return a->len > b->len;
	return memcmp(a->digits, b->digits, a->len) >= 0;
}

/* a -= b, where a >= b. */
static void
big_subtract(struct big *a, const struct big *b)
{
	size_t shift = a->len - b->len, lead = 0;
	int borrow = 0;

	for (size_t i = a->len; i-- > 0;) {
		int digit = a->digits[i] - borrow
		    - (i >= shift ? b->digits[i - shift] : 0);

		borrow = digit < 0;
		a->digits[i] = (unsigned char)(borrow ? digit + 10 : digit);
	}
	while (lead < a->len && a->digits[lead] == 0)
		lead++;
	memmove(a->digits, a->digits + lead, a->len - lead);
	a->len -= lead;
}

static bool
is_multiple_big(const struct schema_decimal *d,
    const struct schema_decimal *divisor, int64_t shift)
{
	struct big by = { .len = divisor->len }, rest = { .len = 0 };

	for (size_t i = 0; i < divisor->len; i++)
		by.digits[i] = (unsigned char)(divisor->digits[i] - '0');
	for (int64_t i = 0; i < shift && big_divide(&by, 2); i++)
		continue;
	for (int64_t i = 0; i < shift && big_divide(&by, 5); i++)
		continue;
	for (size_t i = 0; i < d->len; i++) {
		if (rest.len > 0 || d->digits[i] != '0')
			rest.digits[rest.len++] =
			    (unsigned char)(d->digits[i] - '0');
		while (big_not_less(&rest, &by))
			big_subtract(&rest, &by);
	}
	return rest.len == 0;
}

bool
schema_number_is_multiple(
    const struct json_node *n, const struct schema_limit *limit)
{
	char space[SCHEMA_DECIMAL_SPACE];
	const struct schema_decimal *by = &limit->exact;
	struct schema_decimal d;
	uint64_t divisor = 0;
	int64_t shift;

	if (limit->small && is_small(n))
		return read_small(n) % limit->value == 0;
	schema_decimal_read(json_raw(n), space, &d);
	if (d.len == 0)
		return true;
	/* The last digit of d is not zero, so that a finer divisor is the only
	 * one whose power of ten can divide it. */
	shift = d.exp - by->exp;
	if (shift < 0)
		return false;
	if (by->len > SMALL_DIGITS)
		return is_multiple_big(&d, by, shift);
	for (size_t i = 0; i < by->len; i++)
		divisor = divisor * 10 + (uint64_t)(by->digits[i] - '0');
	return remainder_small(&d, without_tens(divisor, shift)) == 0;
}

bool
schema_number_same(const struct json_node *a, const struct json_node *b)
{
	char space_a[SCHEMA_DECIMAL_SPACE], space_b[SCHEMA_DECIMAL_SPACE];
	struct schema_decimal x, y;

	if (str_equal(json_raw(a), json_raw(b)))
		return true;
	schema_decimal_read(json_raw(a), space_a, &x);
	schema_decimal_read(json_raw(b), space_b, &y);
	return schema_decimal_compare(&x, &y) == 0;
}

uint64_t
schema_number_hash(const struct json_node *n)
{
	char space[SCHEMA_DECIMAL_SPACE];
	struct schema_decimal d;
	uint64_t hash;

	schema_decimal_read(json_raw(n), space, &d);
	hash = hash_bytes((struct str){ d.digits, d.len });
	return hash ^ (uint64_t)d.exp * 0x9e3779b97f4a7c15u
	    ^ (d.negative ? 0x5555 : 0);
}
