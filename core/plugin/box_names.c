/* SPDX-License-Identifier: Apache-2.0 */
/* The names of system calls that end a runner, for who reads why. */
#include <sys/syscall.h>

#include "plugin/box.h"

#define NAME(name_) \
	{ \
		SYS_##name_, #name_ \
	}

/* clang-format off */
static const struct {
	long number;
	const char *name;
} calls[] = {
	NAME(execve),
	NAME(execveat),
	NAME(clone),
	NAME(clone3),
#ifdef SYS_fork
	NAME(fork),
#endif
#ifdef SYS_vfork
	NAME(vfork),
#endif
	NAME(ptrace),
	NAME(process_vm_readv),
	NAME(process_vm_writev),
	NAME(kill),
	NAME(tkill),
	NAME(tgkill),
	NAME(pidfd_open),
	NAME(pidfd_send_signal),
	NAME(mmap),
	NAME(mprotect),
	NAME(pkey_mprotect),
	NAME(mremap),
	NAME(shmat),
	NAME(bpf),
	NAME(perf_event_open),
	NAME(io_uring_setup),
	NAME(userfaultfd),
	NAME(keyctl),
	NAME(add_key),
	NAME(mount),
	NAME(umount2),
	NAME(pivot_root),
	NAME(chroot),
	NAME(unshare),
	NAME(setns),
	NAME(seccomp),
	NAME(prctl),
	NAME(setuid),
	NAME(setgid),
	NAME(setresuid),
	NAME(setresgid),
	NAME(setgroups),
	NAME(capset),
	NAME(reboot),
	NAME(kexec_load),
	NAME(init_module),
	NAME(finit_module),
	NAME(swapon),
	NAME(open_by_handle_at),
	NAME(personality),
	NAME(rt_sigaction),
	NAME(ioctl),
	NAME(prlimit64),
	NAME(openat2),
	NAME(rt_sigqueueinfo),
};
/* clang-format on */

/* With zeros in front. */
static bool
number_read(struct str digits, uint64_t *number)
{
	while (digits.len > 1 && digits.ptr[0] == '0')
		digits = str_sub(digits, 1, digits.len);
	return str_to_u64(digits, number) == 0;
}

void
box_refused_name(struct str words, struct buf *out)
{
	const struct str mark = S(BOX_REFUSED_MARK);
	const char *name = "system call";
	uint64_t number = 0;
	bool found = false;

	while (words.len > 0) {
		struct str line = str_split(words, '\n', &words);

		if (str_starts(line, mark))
			found = number_read(
			    str_sub(line, mark.len, line.len), &number);
	}
	if (!found)
		return;
	for (size_t i = 0; i < sizeof calls / sizeof calls[0]; i++)
		if ((uint64_t)calls[i].number == number)
			name = calls[i].name;
	buf_printf(out, ": %s (%llu)", name, (unsigned long long)number);
}
