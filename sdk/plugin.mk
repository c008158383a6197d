# Builds one plugin.  A whole Makefile is:
#
#	NAME = weather
#	include $(shell pkg-config --variable=makefile toolpost-plugin)
#
# Targets: all check test install clean.  May be set: SOURCES, LIBS, CFLAGS,
# LDFLAGS, CC, DESTDIR, PLUGINDIR, TOOLPOST (the program).

TOOLPOST_MK := $(lastword $(MAKEFILE_LIST))
TOOLPOST_SDK := $(dir $(TOOLPOST_MK))
# Beside this file in the source tree, by pkg-config when installed.
ifneq ($(wildcard $(TOOLPOST_SDK)include/toolpost/abi.h),)
TOOLPOST_CFLAGS := -I$(TOOLPOST_SDK)include
else
TOOLPOST_CFLAGS := $(shell pkg-config --cflags toolpost-plugin)
endif

SOURCES ?= $(filter-out %_test.c,$(wildcard *.c))
CFLAGS ?= -O2 -g -Wall -Wextra
TOOLPOST ?= toolpost
PLUGINDIR ?= $(or $(shell pkg-config --variable=plugindir toolpost-plugin \
	2>/dev/null),/usr/local/lib/toolpost/plugins)

# Hidden symbols keep plugins apart; -z defs makes a forgotten library an
# error of this link, not of the running server.
TOOLPOST_SO := -shared -fPIC -fvisibility=hidden -Wl,-z,defs,-z,now

all: $(NAME).so

$(NAME).so: $(SOURCES) $(wildcard *.h)
	$(CC) $(TOOLPOST_CFLAGS) $(CPPFLAGS) $(CFLAGS) $(TOOLPOST_SO) $(LDFLAGS) \
		-o $@.new $(SOURCES) $(LIBS)
	mv $@.new $@

$(NAME)_test: $(NAME)_test.c
	$(CC) $(TOOLPOST_CFLAGS) $(CPPFLAGS) $(CFLAGS) -pthread $(LDFLAGS) \
		-o $@ $< -ldl $(LIBS)

check: all
	$(TOOLPOST) check $(NAME).yaml

test: all $(NAME)_test
	./$(NAME)_test ./$(NAME).so

# The module first and the manifest last, each by a rename: a server that
# watches the folder never sees half of either.
install: all
	install -d $(DESTDIR)$(PLUGINDIR)/$(NAME)
	install -m 644 $(NAME).so $(DESTDIR)$(PLUGINDIR)/$(NAME)/.$(NAME).so.new
	mv $(DESTDIR)$(PLUGINDIR)/$(NAME)/.$(NAME).so.new \
		$(DESTDIR)$(PLUGINDIR)/$(NAME)/$(NAME).so
	install -m 644 $(NAME).yaml $(DESTDIR)$(PLUGINDIR)/$(NAME)/.$(NAME).yaml.new
	mv $(DESTDIR)$(PLUGINDIR)/$(NAME)/.$(NAME).yaml.new \
		$(DESTDIR)$(PLUGINDIR)/$(NAME)/$(NAME).yaml

clean:
	rm -f $(NAME).so $(NAME).so.new $(NAME)_test

.PHONY: all check test install clean
