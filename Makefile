# schemamig: schema migrations that live and run inside the database.
#
# make demo            a tour on a throw-away server
# make test            all tests on throw-away servers; T=regress|isolation|
#                      pgtap|tap|clients, REGRESS=..., ISOLATION=...,
#                      PROVE_TESTS=... select, CLIENTS=1 installs the clients
# make stress          tests of crashes, load and standbys in their long form
# make lint, format    style and static checks; rewrite C in the house style
# make matrix          all supported versions (as root); PG=18 picks one
# make, make install, make installcheck        as every PGXS extension
#
# PG_CONFIG=... chooses the server.

EXTENSION = schemamig
MODULE_big = schemamig
EXTVERSION = 1.0

SOURCES = schemamig.c $(sort $(wildcard src/*.c src/*/*.c))
HEADERS = $(sort $(wildcard src/*.h src/*/*.h))
OBJS = $(SOURCES:.c=.o)

# The install script is put together from one file per concept, in name order.
INSTALL_PARTS = $(sort $(wildcard install/*.sql))
DATA_built = $(EXTENSION)--$(EXTVERSION).sql
DATA = $(sort $(wildcard $(EXTENSION)--*--*.sql))

# The client, with its manual page.
SCRIPTS = bin/schemamig
MANUAL = bin/schemamig.1

REGRESS := $(sort $(patsubst sql/%.sql,%,$(wildcard sql/*.sql)))
REGRESS_OPTS = --load-extension=$(EXTENSION)
ISOLATION := $(sort $(patsubst test/specs/%.spec,%,$(wildcard test/specs/*.spec)))
ISOLATION_OPTS = --inputdir=$(srcdir)/test --load-extension=$(EXTENSION)
PROVE_TESTS := $(sort $(wildcard test/t/*.pl))

PG_CPPFLAGS = -I$(srcdir)/src
PG_CFLAGS = -Wall -Wextra -Wno-unused-parameter -Wno-sign-compare \
	-Wno-missing-field-initializers
EXTRA_CLEAN = $(DATA_built) .build-flags output_iso tmp_check

# PostgreSQL's TAP modules need IPC::Run, and start servers, which root cannot.
ifneq ($(and $(filter installcheck,$(MAKECMDGOALS)),$(PROVE_TESTS)),)
TAP_TESTS := $(shell test "$$(id -u)" != 0 && perl -MIPC::Run -e 'print 1')
endif

# These find or install PostgreSQL by themselves; the others need its PGXS.
SELF_CONTAINED = demo test stress lint format matrix rules
ifneq ($(or $(filter-out $(SELF_CONTAINED),$(MAKECMDGOALS)),$(if $(MAKECMDGOALS),,all)),)
PG_CONFIG ?= pg_config
PGXS := $(shell $(PG_CONFIG) --pgxs)
include $(PGXS)

$(DATA_built): $(INSTALL_PARTS)
	cat $(INSTALL_PARTS) > $@

# Debian builds PostgreSQL without dependency tracking; and objects made for
# another server or with other flags must not be used again.
$(OBJS): $(HEADERS) .build-flags

.build-flags: force-build-flags
	@echo '$(VERSION) $(CC) $(CFLAGS) $(CPPFLAGS)' | cmp -s - $@ || \
		echo '$(VERSION) $(CC) $(CFLAGS) $(CPPFLAGS)' > $@

.PHONY: force-build-flags

install: install-manual
uninstall: uninstall-client

.PHONY: install-manual uninstall-client
install-manual: $(MANUAL)
	$(MKDIR_P) '$(DESTDIR)$(mandir)/man1'
	$(INSTALL_DATA) $^ '$(DESTDIR)$(mandir)/man1/'

# PGXS looks for scripts below bin/bin
uninstall-client:
	rm -f '$(DESTDIR)$(bindir)/$(notdir $(SCRIPTS))' \
		'$(DESTDIR)$(mandir)/man1/$(notdir $(MANUAL))'
endif

# Variables given to make select tests; the lists above must not.
given = $(foreach v,$(1),$(if $(findstring command,$(origin $(v))),$(v)='$($(v))'))

.PHONY: $(SELF_CONTAINED)

demo:
	@scripts/with-cluster scripts/demo

test:
	@$(call given,REGRESS ISOLATION PROVE_TESTS PG_CONFIG CLIENTS JOBS KEEP) \
		scripts/run-tests $(T)

# one at a time: they load the machine by themselves
stress:
	@$(call given,PG_CONFIG KEEP SCHEMAMIG_SEED) SCHEMAMIG_STRESS=1 JOBS=1 \
		PROVE_TESTS="$(or $(STRESS_TESTS),$(shell grep -l SCHEMAMIG_STRESS $(PROVE_TESTS)))" \
		scripts/run-tests tap

lint:
	@$(call given,PG_CONFIG) scripts/lint

# the type names that it needs are in what was built
format:
	@scripts/setup base lint
	@$(MAKE) -s with_llvm=no all
	@scripts/format

# the page about the lint rules, from their descriptors
rules:
	@scripts/with-cluster -e scripts/rules

matrix:
	@$(call given,REGRESS ISOLATION PROVE_TESTS PG_CONFIG16) \
		scripts/matrix $(PG)
