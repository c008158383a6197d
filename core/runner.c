/* SPDX-License-Identifier: Apache-2.0 */
#include "plugin/box.h"
#include "plugin/runner_main.h"

#if BOX_SANITIZED
/* The search for leaks traces its own process; the box does not let it. */
__attribute__((visibility("default"))) int __lsan_is_turned_off(void);

int
__lsan_is_turned_off(void)
{
	return 1;
}
#endif

int
main(int argc, char **argv)
{
	return plugin_runner_main(argc, argv);
}
