# shellcheck shell=bash
#
# lib.sh
#	  Shared by the scripts of this directory: which PostgreSQL, a private copy
#	  of it with schemamig installed, and a throw-away cluster that runs on it.
#
# Everything lives in one private directory, $work, that cleanup removes.  The
# system's PostgreSQL is read, never written: its programs are copied, its
# other files linked, below $work/pg, and "make install DESTDIR=$work/pg" adds
# the extension.  PostgreSQL finds its own files relative to its programs, so
# this works alike on every version and packaging, without any setting.

set -euo pipefail
umask 022

prog=$(basename "$0")
top=$(cd "$(dirname "${BASH_SOURCE[0]}")/.." && pwd -P)
export LC_ALL=C.UTF-8
unset MAKEFLAGS MAKELEVEL MFLAGS MAKEOVERRIDES

supported_majors="18 17 16 15"

say() { printf '%s\n' "$*" >&2; }
die() { say "$prog: $*"; exit 1; }

# Is "$1" the pg_config of a supported server that is there with its headers?
pg_complete() {
	local major
	[ -x "$1" ] || return 1
	major=$("$1" --version 2>/dev/null | sed -E 's/^[^0-9]*([0-9]+).*/\1/')
	case " $supported_majors " in *" $major "*) ;; *) return 1 ;; esac
	[ -x "$("$1" --bindir)/postgres" ] && [ -f "$("$1" --pgxs)" ] &&
		[ -f "$("$1" --includedir-server)/postgres.h" ]
}

# Prints the pg_config to use: $PG_CONFIG when given, else that of the newest
# complete server in the usual places, else the one in PATH.  A pg_config in
# PATH often belongs to the client library only.
pg_config_find() {
	local major dir candidate
	if [ -n "${PG_CONFIG:-}" ]; then
		candidate=$(command -v "$PG_CONFIG") && pg_complete "$candidate" &&
			echo "$candidate"
		return
	fi
	for major in $supported_majors; do
		for dir in /usr/lib/postgresql/"$major" /usr/pgsql-"$major"; do
			if pg_complete "$dir/bin/pg_config"; then
				echo "$dir/bin/pg_config"
				return
			fi
		done
	done
	candidate=$(command -v pg_config) && pg_complete "$candidate" &&
		echo "$candidate"
}

# Sets PG_CONFIG, or ends the script.
pg_select() {
	local found
	found=$(pg_config_find) ||
		die "no PostgreSQL server of version 15 to 18 with headers found${PG_CONFIG:+ at PG_CONFIG=$PG_CONFIG}"
	export PG_CONFIG=$found
}

# Makes the private directory, readable by the cluster's user alone.
# PostgreSQL refuses to run as root, so root lends the work to another user.
work_create() {
	local base=${TMPDIR:-/tmp}
	cluster_user=$(id -un)
	if [ "$(id -u)" = 0 ]; then
		cluster_user=postgres
		id -u postgres >/dev/null 2>&1 || cluster_user=nobody
		# the directory may be one that only root can enter
		setpriv --reuid="$cluster_user" --regid="$(id -g "$cluster_user")" \
			--init-groups test -x "$base" || base=/tmp
	fi
	work=$(mktemp -d "$base/schemamig.XXXXXXXX")
	work_keep=
	trap work_cleanup EXIT
	trap 'exit 130' INT
	trap 'exit 143' TERM HUP
	mkdir "$work/home" "$work/log" "$work/tmp"
	chown -R "$cluster_user" "$work"
}

# Stops the servers of this run, those a broken test left too, and removes
# what it made.
work_cleanup() {
	local status=$? pid_file
	trap - EXIT
	trap '' INT TERM HUP
	while read -r pid_file; do
		cluster_stop "${pid_file%/*}"
	done < <(find "$work" -path "$work/pg" -prune -o \
		-name postmaster.pid -print)
	[ -n "$work_keep" ] || rm -rf "$work"
	exit "$status"
}

# Runs a command as the cluster's user, in its private directory, with the
# private copy of PostgreSQL first in PATH.
as_cluster_user() {
	local change=()
	if [ "$(id -u)" = 0 ]; then
		change=(setpriv --reuid="$cluster_user"
			--regid="$(id -g "$cluster_user")" --init-groups)
	fi
	(
		cd "$work"
		exec "${change[@]}" env HOME="$work/home" TMPDIR="$work/tmp" \
			USER="$cluster_user" LOGNAME="$cluster_user" \
			PATH="${pg_bin:+$pg_bin:}$PATH" "$@"
	)
}

# make in directory "$1", as the owner of the directory when we are root.
# Tests need no bitcode, which would double the time.
make_in() {
	local dir=$1 owner change=()
	shift
	owner=$(stat -c %u "$dir")
	if [ "$(id -u)" = 0 ] && [ "$owner" != 0 ]; then
		change=(setpriv --reuid="$owner" --regid="$(stat -c %g "$dir")"
			--clear-groups)
	fi
	flock "$dir/Makefile" nice "${change[@]}" make -s -C "$dir" \
		PG_CONFIG="$PG_CONFIG" with_llvm=no "$@"
}

# Copies the tree to directory "$1".  Further arguments are for tar, such as
# --exclude=*.o.  A file that changes meanwhile (tar's status 1) is no failure.
tree_copy() {
	local target=$1
	shift
	mkdir -p "$target"
	{
		tar -C "$top" --exclude=./.git --exclude=./results \
			--exclude=./tmp_check --exclude=./output_iso \
			--exclude=node_modules --warning=no-file-changed \
			"$@" -cf - . || [ $? = 1 ]
	} | tar -C "$target" --no-same-owner -xf -
}

# The same without what was built.
tree_copy_sources() {
	tree_copy "$1" '--exclude=*.o' '--exclude=*.so' '--exclude=*.bc' \
		--exclude=.build-flags
}

# Copies the tree, built files included, to $work/src and finishes the build
# there.  The checkout itself is built first where that is possible, so that
# the next run has little to compile.
work_build() {
	local log=$work/log/build.log jobs
	jobs=-j$(nproc)
	if [ -w "$top" ]; then
		make_in "$top" "$jobs" all >"$log" 2>&1 || { cat "$log" >&2; exit 1; }
	fi
	tree_copy "$work/src"
	chown -R "$cluster_user" "$work/src"
	make_in "$work/src" "$jobs" all >>"$log" 2>&1 ||
		{ cat "$log" >&2; exit 1; }
}

# Prints the directory of the data that tests read from ../shared, if any:
# $SCHEMAMIG_SHARED, or beside the checkout, or beside the main checkout when
# this is one of git's additional worktrees.
shared_find() {
	local common shared=${SCHEMAMIG_SHARED:-$top/../shared}
	if [ ! -d "$shared" ]; then
		common=$(git -C "$top" rev-parse --path-format=absolute \
			--git-common-dir 2>/dev/null) || return 0
		shared=${common%/*}/../shared
	fi
	[ ! -d "$shared" ] || (cd "$shared" && pwd -P)
}

# Makes that data available beside $work/src.
work_shared() {
	local shared
	shared=$(shared_find)
	[ -n "$shared" ] || return 0
	if as_cluster_user test -r "$shared/." -a -x "$shared/." 2>/dev/null; then
		ln -s "$shared" "$work/shared"
	else
		cp -R "$shared" "$work/shared"
		chown -R "$cluster_user" "$work/shared"
	fi
}

# Makes the private copy of PostgreSQL in $work/pg and installs into it.
work_install() {
	local bin lib share
	bin=$("$PG_CONFIG" --bindir)
	lib=$("$PG_CONFIG" --pkglibdir)
	share=$("$PG_CONFIG" --sharedir)
	mkdir -p "$work/pg$bin" "$work/pg$lib" "$work/pg$share"
	# A program is found by its real path, so links would lead back.
	cp -pL "$bin"/* "$work/pg$bin/"
	cp -Rs "$lib/." "$work/pg$lib/"
	cp -Rs "$share/." "$work/pg$share/"
	rm -rf "$work/pg$lib"/schemamig* "$work/pg$lib"/bitcode/schemamig* \
		"$work/pg$share"/extension/schemamig*
	make -s -C "$work/src" PG_CONFIG="$PG_CONFIG" with_llvm=no \
		DESTDIR="$work/pg" install >"$work/log/install.log" 2>&1 ||
		{ cat "$work/log/install.log" >&2; exit 1; }
	pg_bin=$work/pg$bin
	as_cluster_user "$pg_bin/postgres" --version >"$work/log/version.log" ||
		die "the copy of $bin does not run"
}

# A TCP port nobody listens on.
free_port() {
	perl -MIO::Socket::INET -e \
		'print IO::Socket::INET->new(LocalAddr => "127.0.0.1", Listen => 1)->sockport'
}

# Makes and starts a cluster in $work/data.  Arguments: settings as name=value.
# With cluster_tcp=1 it listens on 127.0.0.1 too, where a password is asked.
# Sets and exports PGHOST, PGPORT, PGUSER, PGDATABASE (and PGPASSWORD).
cluster_start() {
	local data=$work/data setting
	export PGHOST=$work PGPORT=5432 PGUSER=postgres PGDATABASE=scratch
	unset PGSERVICE PGSERVICEFILE PGOPTIONS PGSSLMODE PGHOSTADDR PGPASSFILE \
		PGCLIENTENCODING PGTZ PGDATESTYLE
	PGPASSWORD=$(od -An -N16 -tx1 /dev/urandom | tr -d ' \n')
	export PGPASSWORD
	printf '%s\n' "$PGPASSWORD" >"$work/password"
	chown "$cluster_user" "$work/password"
	chmod 600 "$work/password"
	as_cluster_user initdb -D "$data" -U postgres -N -E UTF8 \
		--locale=C.UTF-8 --auth-local=trust --auth-host=scram-sha-256 \
		--pwfile="$work/password" >"$work/log/initdb.log" 2>&1 ||
		{ cat "$work/log/initdb.log" >&2; exit 1; }
	if [ -n "${cluster_tcp:-}" ]; then
		PGPORT=$(free_port)
	fi
	{
		echo "listen_addresses = '${cluster_tcp:+127.0.0.1}'"
		echo "unix_socket_directories = '$work'"
		echo "port = $PGPORT"
		echo "fsync = off"
		echo "max_worker_processes = 32"
		echo "max_prepared_transactions = 10"
		echo "timezone = 'UTC'"
		for setting in "$@"; do
			echo "${setting%%=*} = '${setting#*=}'"
		done
	} >>"$data/postgresql.conf"
	as_cluster_user pg_ctl -D "$data" -l "$work/log/server.log" -w -t 120 \
		start >"$work/log/start.log" 2>&1 || {
		cat "$work/log/start.log" "$work/log/server.log" >&2
		exit 1
	}
	as_cluster_user createdb "$PGDATABASE"
}

# Stops the server of data directory "$1", gently first.
cluster_stop() {
	as_cluster_user pg_ctl -D "$1" status >/dev/null 2>&1 || return 0
	as_cluster_user pg_ctl -D "$1" -m fast -t 20 -w stop >/dev/null 2>&1 ||
		as_cluster_user pg_ctl -D "$1" -m immediate -w stop >/dev/null 2>&1 ||
		say "$prog: could not stop the server of $1"
}
