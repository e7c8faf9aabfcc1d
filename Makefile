# schemamig: schema migrations that live and run inside the database.

EXTENSION = schemamig
MODULE_big = schemamig
EXTVERSION = 1.0

OBJS = schemamig.o $(patsubst %.c,%.o,$(sort $(wildcard src/*.c src/*/*.c)))

# The install script is put together from one file per concept, in name order.
INSTALL_PARTS = $(sort $(wildcard install/*.sql))
DATA_built = $(EXTENSION)--$(EXTVERSION).sql

PG_CONFIG ?= pg_config
PG_CPPFLAGS = -I$(srcdir)/src
PG_CFLAGS = -Wall -Wextra -Wno-unused-parameter -Wno-sign-compare \
	-Wno-missing-field-initializers
EXTRA_CLEAN = $(EXTENSION)--$(EXTVERSION).sql

PGXS := $(shell $(PG_CONFIG) --pgxs)
include $(PGXS)

$(EXTENSION)--$(EXTVERSION).sql: $(INSTALL_PARTS)
	cat $(INSTALL_PARTS) > $@

# Debian builds PostgreSQL without dependency tracking.
$(OBJS): $(wildcard src/*.h src/*/*.h)
