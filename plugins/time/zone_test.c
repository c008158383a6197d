/* SPDX-License-Identifier: Apache-2.0 */
/* Zone files that are cut or changed: read as something or refused, never
 * beyond their end (AddressSanitizer sees to that). */
#include <toolpost/test.h>

#include "zone.h"

#define ZONES "/usr/share/zoneinfo"
#define CHANGES 20000

static unsigned char original[ZONE_FILE_MAX];
static size_t original_len;

static int
original_read(const char *path)
{
	FILE *f = fopen(path, "rb");

	if (f == NULL)
		return -1;
	original_len = fread(original, 1, sizeof original, f);
	(void)fclose(f);
	return original_len > 44 ? 0 : -1;
}

/* Non-zero when it was taken. */
static int
parse_and_ask(unsigned char *data, size_t len)
{
	static const int64_t times[] = { -62135596800, -2147483649, 0,
		1774746000, 4102444800, 253402300799 };
	struct zone_offset o;
	enum zone_fit fit;
	struct zone z;
	int64_t other;
	size_t i;

	if (zone_parse(&z, data, len) < 0)
		return 0;
	for (i = 0; i < sizeof times / sizeof times[0]; i++) {
		zone_lookup(&z, times[i], &o);
		(void)zone_from_local(&z, times[i], &fit, &other);
	}
	zone_close(&z);
	return 1;
}

static unsigned char *
copy_of(size_t len)
{
	unsigned char *data = tp_test_must(malloc(len > 0 ? len : 1));

	memcpy(data, original, len);
	return data;
}

static void
every_truncation_is_refused(void)
{
	size_t len;
	int taken = 0;

	for (len = 0; len < original_len; len++)
		taken += parse_and_ask(copy_of(len), len);
	TP_TEST(taken == 0);
	TP_TEST(parse_and_ask(copy_of(original_len), original_len));
}

static void
changed_bytes_are_survived(void)
{
	uint32_t seed = 20261125;
	int i, j, taken = 0;

	for (i = 0; i < CHANGES; i++) {
		unsigned char *data = copy_of(original_len);

		for (j = 0; j <= i % 3; j++) {
			seed = seed * 1664525 + 1013904223;
			/* Most of them where the sizes are. */
			data[(seed >> 8) % (i % 2 ? 64 : original_len)] =
			    (unsigned char)(seed >> 24);
		}
		taken += parse_and_ask(data, original_len);
	}
	(void)printf(
	    "%d changed files, %d still read as a zone\n", CHANGES, taken);
	TP_TEST(taken < CHANGES);
}

static void
rules_are_strict(void)
{
	static const char *const good[] = { "UTC0",
		"CET-1CEST,M3.5.0,M10.5.0/3",
		"<-03>3<-02>,M3.5.0/-2,M10.5.0/-1", "EST5EDT,0/0,J365/25",
		"IST-1GMT0,M10.5.0,M3.5.0/1", "<+1030>-10:30" };
	static const char *const bad[] = { "", "U", "UTC", "CET-1CEST",
		"CET-1CEST,M3.5.0", "CET-1CEST,M13.5.0,M10.5.0",
		"CET-1CEST,M3.6.0,M10.5.0", "CET-1CEST,M3.5.7,M10.5.0",
		"CET-1CEST,M3.5.0,M10.5.0/3x", "CET-1CEST,J0,J365", "<UTC0",
		"UTC999", "UTC99999999999999999999", "ABCDEFGHIJKLMNOPQ0",
		"CET-1CEST,366,1" };
	struct posix_rule r;
	struct zone_offset o;
	size_t i;

	for (i = 0; i < sizeof good / sizeof good[0]; i++)
		TP_TEST(rule_parse(good[i], strlen(good[i]), &r) == 0);
	for (i = 0; i < sizeof bad / sizeof bad[0]; i++)
		if (!TP_TEST(rule_parse(bad[i], strlen(bad[i]), &r) < 0))
			(void)fprintf(stderr, "\t%s was taken\n", bad[i]);
	/* Daylight saving all year, RFC 8536 3.3.1. */
	TP_TEST(rule_parse("EST5EDT,0/0,J365/25", 19, &r) == 0);
	for (i = 0; i < 800; i++) {
		posix_lookup(&r, 1767225600 + (int64_t)i * 43200, &o);
		TP_TEST(o.dst && o.offset == -4 * 3600);
	}
}

int
main(void)
{
	if (original_read(ZONES "/Europe/Berlin") < 0) {
		(void)printf("SKIP zone: no zone files in " ZONES "\n");
		return 77;
	}
	every_truncation_is_refused();
	changed_bytes_are_survived();
	rules_are_strict();
	return tp_test_end();
}
