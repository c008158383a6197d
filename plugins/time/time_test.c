/* SPDX-License-Identifier: Apache-2.0 */
#include <toolpost/test.h>

#include <ctype.h>
#include <dirent.h>
#include <sys/stat.h>

#define ZONES "/usr/share/zoneinfo"

static struct tp_test_result *
convert(
    struct tp_test_host *h, const char *time, const char *from, const char *to)
{
	char args[4096]; /* a zone name may be a whole path */

	(void)snprintf(args, sizeof args,
	    "{\"time\": \"%s\", \"from\": \"%s\", \"to\": \"%s\"}", time, from,
	    to);
	return tp_test_call(h, "time_convert", args);
}

static void
now_is_now_in_every_zone(struct tp_test_host *h)
{
	struct tp_test_result *c;
	double before = (double)time(NULL);
	double now;

	c = tp_test_call(h, "time_now", NULL);
	TP_TEST(c->status == TP_OK);
	now = tp_test_found_num(c, "/unix");
	TP_TEST(now >= before && now <= (double)time(NULL));
	TP_TEST_IS(tp_test_found(c, "/offset"), "+00:00");
	TP_TEST_IS(tp_test_found(c, "/abbreviation"), "UTC");
	TP_TEST_IS(tp_test_found(c, "/time"), tp_test_found(c, "/utc"));
	tp_test_free(c);
	c = tp_test_call(h, "time_now", "{\"timezone\": \"Asia/Kolkata\"}");
	TP_TEST_IS(tp_test_found(c, "/offset"), "+05:30");
	tp_test_free(c);
}

static void
a_time_is_converted(struct tp_test_host *h)
{
	struct tp_test_result *c =
	    convert(h, "2026-11-25T14:30", "Europe/Berlin", "America/New_York");

	TP_TEST(c->status == TP_OK);
	TP_TEST_IS(tp_test_found(c, "/from/time"), "2026-11-25T14:30:00+01:00");
	TP_TEST_IS(tp_test_found(c, "/to/time"), "2026-11-25T08:30:00-05:00");
	TP_TEST_IS(tp_test_found(c, "/to/abbreviation"), "EST");
	TP_TEST_IS(tp_test_found(c, "/to/weekday"), "Wednesday");
	TP_TEST_IS(tp_test_found(c, "/difference"), "-06:00");
	TP_TEST_IS(tp_test_found(c, "/rule"), "exact");
	tp_test_free(c);
	/* An offset makes it one moment, whatever "from" says. */
	c = convert(h, "2026-07-01 12:00:00.5-03:00", "Europe/Berlin", "UTC");
	TP_TEST_IS(tp_test_found(c, "/from/time"), "2026-07-01T17:00:00+02:00");
	TP_TEST_IS(tp_test_found(c, "/to/time"), "2026-07-01T15:00:00+00:00");
	tp_test_free(c);
	c = convert(h, "14:30", "UTC", "Asia/Kathmandu");
	TP_TEST_IS(tp_test_found(c, "/difference"), "+05:45");
	tp_test_free(c);
	/* Before there were zones. */
	c = convert(h, "1850-01-01T00:00", "Europe/Berlin", "UTC");
	TP_TEST_IS(tp_test_found(c, "/from/offset"), "+00:53:28");
	TP_TEST_IS(tp_test_found(c, "/to/time"), "1849-12-31T23:06:32+00:00");
	tp_test_free(c);
}

static void
gaps_and_overlaps_are_named(struct tp_test_host *h)
{
	struct tp_test_result *c =
	    convert(h, "2026-03-29T02:30", "Europe/Berlin", "UTC");

	TP_TEST_IS(tp_test_found(c, "/rule"), "gap");
	TP_TEST_IS(tp_test_found(c, "/from/time"), "2026-03-29T03:30:00+02:00");
	TP_TEST_IS(tp_test_found(c, "/to/time"), "2026-03-29T01:30:00+00:00");
	tp_test_free(c);
	c = convert(h, "2026-10-25T02:30", "Europe/Berlin", "UTC");
	TP_TEST_IS(tp_test_found(c, "/rule"), "overlap");
	TP_TEST_IS(tp_test_found(c, "/to/time"), "2026-10-25T00:30:00+00:00");
	TP_TEST_IS(tp_test_found(c, "/other"), "2026-10-25T02:30:00+01:00");
	tp_test_free(c);
	c = convert(h, "2026-10-25T02:30:00+01:00", "Europe/Berlin", "UTC");
	TP_TEST_IS(tp_test_found(c, "/rule"), "exact");
	TP_TEST_IS(tp_test_found(c, "/to/time"), "2026-10-25T01:30:00+00:00");
	tp_test_free(c);
	/* The edges of both. */
	c = convert(h, "2026-03-29T01:59:59", "Europe/Berlin", "UTC");
	TP_TEST_IS(tp_test_found(c, "/rule"), "exact");
	tp_test_free(c);
	c = convert(h, "2026-03-29T03:00", "Europe/Berlin", "UTC");
	TP_TEST_IS(tp_test_found(c, "/rule"), "exact");
	tp_test_free(c);
	c = convert(h, "2026-10-25T03:00", "Europe/Berlin", "UTC");
	TP_TEST_IS(tp_test_found(c, "/rule"), "exact");
	tp_test_free(c);
	/* A whole day was skipped when the date line moved. */
	c = convert(h, "2011-12-30T12:00", "Pacific/Apia", "UTC");
	TP_TEST_IS(tp_test_found(c, "/rule"), "gap");
	TP_TEST_IS(tp_test_found(c, "/from/time"), "2011-12-31T12:00:00+14:00");
	tp_test_free(c);
	/* South of the equator, half an hour, far beyond the file. */
	c = convert(h, "2400-04-02T01:45", "Australia/Lord_Howe", "UTC");
	TP_TEST_IS(tp_test_found(c, "/rule"), "overlap");
	TP_TEST_IS(tp_test_found(c, "/to/time"), "2400-04-01T14:45:00+00:00");
	tp_test_free(c);
}

static void
unknown_zones_are_refused_with_near_names(struct tp_test_host *h)
{
	static const char *const near[][2] = { { "Europe/Berln",
						   "Europe/Berlin" },
		{ "berlin", "Europe/Berlin" },
		{ "new york", "America/New_York" },
		{ "europe/vienna", "Europe/Vienna" }, { "utc", "UTC" } };
	static const char *const bad[] = { "", "../../etc/passwd",
		"/etc/passwd", "Europe/../UTC", "Europe/", "Europe//Berlin",
		"Europe", "zone.tab", "tzdata.zi", "Europe/Berlin\\u0000",
		"\\u00e4", "a\\nb", "posixrules/x", "Nowhere/Atlantis_City" };
	struct tp_test_result *c;
	size_t i;

	for (i = 0; i < sizeof near / sizeof near[0]; i++) {
		c = convert(h, "12:00", near[i][0], "UTC");
		TP_TEST(c->status == TP_EPARAMS);
		if (!TP_TEST(strstr(c->message, near[i][1]) != NULL))
			(void)fprintf(stderr, "\t%s\n", c->message);
		tp_test_free(c);
	}
	for (i = 0; i < sizeof bad / sizeof bad[0]; i++) {
		c = convert(h, "12:00", "UTC", bad[i]);
		TP_TEST(c->status == TP_EPARAMS && c->content.len == 0);
		tp_test_free(c);
	}
}

static void
text_that_is_no_time_is_refused(struct tp_test_host *h)
{
	static const char *const bad[] = { "", "1", "25:00", "12:60", "12:00Z",
		"2026-02-29T00:00", "2026-13-01T00:00", "2026-00-01T00:00",
		"2026-04-31T00:00", "2026-11-25", "2026-11-25T24:00",
		"2026-11-25T12:00+1", "2026-11-25T12:00:00.",
		"0000-01-01T00:00", "2026-11-25T12:00 UTC", "noon",
		"2026-11-25T12:00+25:00", "12:00:60", "-001-01-01T00:00",
		"2026-1-1T00:00" };
	struct tp_test_result *c;
	size_t i;

	for (i = 0; i < sizeof bad / sizeof bad[0]; i++) {
		c = convert(h, bad[i], "UTC", "UTC");
		if (!TP_TEST(c->status == TP_EPARAMS && c->message != NULL))
			(void)fprintf(stderr, "\t\"%s\" was taken\n", bad[i]);
		tp_test_free(c);
	}
	c = convert(h, "2024-02-29T23:59:59", "UTC", "UTC");
	TP_TEST(c->status == TP_OK);
	tp_test_free(c);
}

/* One zone at many moments, against the C library. */
static void
zone_must_agree(struct tp_test_host *h, const char *zone, int *moments)
{
	time_t t;

	(void)setenv("TZ", zone, 1);
	tzset();
	/* From 1870, in steps that meet every hour and month, to 2500. */
	for (t = -3155760000; t < 16725225600; t += 86400 * 2999 + 4567) {
		struct tp_test_result *c;
		struct tm utc, local;
		char text[32], want[40];
		int east;

		if (gmtime_r(&t, &utc) == NULL
		    || localtime_r(&t, &local) == NULL)
			continue;
		(void)strftime(text, sizeof text, "%Y-%m-%dT%H:%M:%SZ", &utc);
		(void)strftime(want, sizeof want, "%Y-%m-%dT%H:%M:%S", &local);
		c = convert(h, text, "UTC", zone);
		east = c->status == TP_OK
		    && strncmp(tp_test_found(c, "/to/time"), want, 19) == 0
		    && strcmp(
			   tp_test_found(c, "/to/abbreviation"), local.tm_zone)
			== 0
		    && strstr(tp_test_text(c), "\"rule\":\"exact\"") != NULL;
		if (!TP_TEST(east))
			(void)fprintf(stderr, "\t%s %s: want %s %s, got %s\n",
			    zone, text, want, local.tm_zone, tp_test_text(c));
		++*moments;
		tp_test_free(c);
	}
}

static void
folder_must_agree(struct tp_test_host *h, const char *rel, int *moments)
{
	char path[1024];
	DIR *d;
	const struct dirent *e;
	struct stat st;

	(void)snprintf(path, sizeof path, ZONES "/%s", rel);
	d = opendir(path);
	while (d != NULL && (e = readdir(d)) != NULL) {
		if (!isupper((unsigned char)e->d_name[0])
		    || strcmp(e->d_name, "Factory") == 0)
			continue;
		(void)snprintf(
		    path, sizeof path, ZONES "/%s%s", rel, e->d_name);
		if (stat(path, &st) < 0)
			continue;
		(void)snprintf(path, sizeof path, "%s%s%s", rel, e->d_name,
		    S_ISDIR(st.st_mode) ? "/" : "");
		if (S_ISDIR(st.st_mode))
			folder_must_agree(h, path, moments);
		else
			zone_must_agree(h, path, moments);
	}
	if (d != NULL)
		(void)closedir(d);
}

/* The C library may be asked here: the test has this process for itself. */
static void
every_zone_agrees_with_the_c_library(struct tp_test_host *h)
{
	int moments = 0;

	folder_must_agree(h, "", &moments);
	(void)printf("%d moments compared with the C library\n", moments);
	TP_TEST(moments > 10000);
}

int
main(int argc, char **argv)
{
	struct tp_test_host host;
	struct stat st;

	if (argc < 2 || tp_test_open(&host, argv[1]) < 0)
		return 1;
	if (stat(ZONES "/Europe/Berlin", &st) < 0) {
		(void)printf("SKIP time: no zone files in " ZONES "\n");
		return 77;
	}
	TP_TEST(tp_test_load(&host, NULL, NULL) == TP_OK);
	now_is_now_in_every_zone(&host);
	a_time_is_converted(&host);
	gaps_and_overlaps_are_named(&host);
	unknown_zones_are_refused_with_near_names(&host);
	text_that_is_no_time_is_refused(&host);
	every_zone_agrees_with_the_c_library(&host);
	tp_test_close(&host);
	return tp_test_end();
}
