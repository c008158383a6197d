/* SPDX-License-Identifier: Apache-2.0 */
/* Time zones read from the system's files, without the C library's own time
 * zone, which is one for the whole process and not ours to change.
 *
 * Seconds are counted from 1970-01-01T00:00:00Z without leap seconds; "local"
 * seconds are what a clock on the wall shows, counted the same way. */
#ifndef ZONE_H
#define ZONE_H

#include <stddef.h>
#include <stdint.h>

#define ZONE_FILE_MAX (256 << 10)
#define ZONE_NAME_MAX 64
#define ZONE_ABBREVIATION_MAX 15
#define ZONE_NEAR_MAX 3

/* civil.c: dates and how they are written. */

struct civil {
	int64_t year;
	int month; /* 1 to 12 */
	int day;
	int hour;
	int minute;
	int second;
};

int64_t civil_days(int64_t year, int month, int day);
int64_t civil_seconds(const struct civil *c);
struct civil civil_of(int64_t seconds);
int civil_leap(int64_t year);
int civil_weekday(int64_t seconds); /* 0 is Sunday */

/* What a time as text says. */
struct civil_text {
	struct civil at;
	int has_date;
	int has_offset;
	int offset; /* seconds east */
};

/* -1: not YYYY-MM-DDTHH:MM[:SS[.f]][Z|+HH:MM], nor HH:MM[:SS]. */
int civil_parse(const char *s, size_t len, struct civil_text *out);
/* 2026-11-25T14:30:00+01:00 */
void civil_print(char *out, size_t room, int64_t local, int offset);
/* +01:00; seconds only where there are some, as before 1900 */
void civil_print_offset(char *out, size_t room, int offset);

/* posix.c: the rule for the time after the last transition of a file. */

struct posix_date {
	char form; /* 'M', 'J' (no leap day) or 'N' (with leap day) */
	int month;
	int week;
	int day;
	int time; /* seconds after midnight, may be negative */
};

struct posix_side {
	char name[ZONE_ABBREVIATION_MAX + 1];
	int offset; /* seconds east */
};

struct posix_rule {
	struct posix_side std;
	struct posix_side dst;
	int has_dst;
	struct posix_date start;
	struct posix_date end;
};

/* What holds at one moment. */
struct zone_offset {
	char name[ZONE_ABBREVIATION_MAX + 1];
	int offset; /* seconds east */
	int dst;
};

int rule_parse(const char *s, size_t len, struct posix_rule *r);
void posix_lookup(
    const struct posix_rule *r, int64_t t, struct zone_offset *out);

/* zone.c */

struct zone {
	unsigned char *data; /* the file, owned */
	size_t transitions;
	size_t types;
	size_t chars;
	size_t width; /* bytes of a transition time: 4 or 8 */
	const unsigned char *times;
	const unsigned char *indexes;
	const unsigned char *infos; /* six bytes each */
	const unsigned char *names;
	int has_rule;
	struct posix_rule rule;
};

/* How a time on the wall became one moment. */
enum zone_fit {
	ZONE_EXACT,
	ZONE_GAP, /* clocks skipped it: moved on by what was skipped */
	ZONE_OVERLAP /* clocks showed it twice: the first one */
};

/* The folder of zones; -1: there is none. */
int zone_folder_open(const char *path);
/* 0; -1: no such zone, or its file is broken. */
int zone_open(struct zone *z, int folder, const char *name, size_t len);
/* From the bytes of a file; data is taken, also on failure. */
int zone_parse(struct zone *z, unsigned char *data, size_t len);
void zone_close(struct zone *z);
void zone_lookup(const struct zone *z, int64_t t, struct zone_offset *out);
/* other: the second moment of an overlap. */
int64_t zone_from_local(
    const struct zone *z, int64_t local, enum zone_fit *fit, int64_t *other);

/* near.c: names that may have been meant, the best first. */
struct zone_near {
	char names[ZONE_NEAR_MAX][ZONE_NAME_MAX + 1];
	int scores[ZONE_NEAR_MAX];
	size_t len;
};

void zone_near_find(
    struct zone_near *n, int folder, const char *name, size_t len);

#endif
