/* SPDX-License-Identifier: Apache-2.0 */
/* One executable per file under test: a list of START_TEST functions and one
 * UNIT_MAIN at the end.
 *
 *	UNIT_MAIN("base/buf", append_grows, failed_growth_is_sticky)
 *
 * CK_FORK=no in the environment runs all in one process (sanitizers). */
#ifndef UNIT_H
#define UNIT_H

#include <check.h>
#include <stdlib.h>

#define UNIT_MAIN(name_, ...) \
	int main(void) \
	{ \
		const TTest *const tests_[] = { __VA_ARGS__ }; \
		Suite *suite_ = suite_create(name_); \
		TCase *tcase_ = tcase_create(name_); \
		SRunner *runner_; \
		int failed_; \
		for (size_t i_ = 0; i_ < sizeof tests_ / sizeof tests_[0]; \
		     i_++) \
			tcase_add_test(tcase_, tests_[i_]); \
		tcase_set_timeout(tcase_, 120); \
		suite_add_tcase(suite_, tcase_); \
		runner_ = srunner_create(suite_); \
		srunner_run_all(runner_, CK_NORMAL); \
		failed_ = srunner_ntests_failed(runner_); \
		srunner_free(runner_); \
		return failed_ == 0 ? EXIT_SUCCESS : EXIT_FAILURE; \
	}

#endif
