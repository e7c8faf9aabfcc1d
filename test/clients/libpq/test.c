/*-------------------------------------------------------------------------
 *
 * test.c
 *	  libpq by hand: asynchronous calls, notices as they come, a client that
 *	  is gone.
 *
 *-------------------------------------------------------------------------
 */
#include <poll.h>
#include <stdbool.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>
#include <unistd.h>

#include "libpq-fe.h"

#define APPLY "SELECT * FROM schemamig_apply('head')"

static PGconn *observer;

/* what the notice receiver has seen since the last reset */
static int	notices;
static bool greeted;
static char announced[256];		/* a revision to look for */
static bool announced_seen;

static void
ok(bool holds, const char *behaviour, const char *explain)
{
	printf("%s - %s\n", holds ? "ok" : "not ok", behaviour);
	if (!holds && explain != NULL)
		printf("# %s\n", explain);
	fflush(stdout);
}

static void
same(const char *seen, const char *wanted, const char *behaviour)
{
	bool		holds = seen != NULL && strcmp(seen, wanted) == 0;

	ok(holds, behaviour, NULL);
	if (!holds)
		printf("#      got: %s\n# expected: %s\n",
			   seen ? seen : "(null)", wanted);
}

static PGconn *
connect_or_die(void)
{
	PGconn	   *conn = PQconnectdb("");

	if (PQstatus(conn) != CONNECTION_OK)
	{
		fprintf(stderr, "%s", PQerrorMessage(conn));
		exit(1);
	}
	return conn;
}

/* One value, read by the observer; the caller frees it. */
static char *
value(const char *query, const char *arg)
{
	PGresult   *res = PQexecParams(observer, query, arg ? 1 : 0, NULL, &arg,
								   NULL, NULL, 0);
	char	   *result;

	if (PQresultStatus(res) != PGRES_TUPLES_OK)
	{
		fprintf(stderr, "%s: %s", query, PQresultErrorMessage(res));
		exit(1);
	}
	result = strdup(PQgetvalue(res, 0, 0));
	PQclear(res);
	return result;
}

static void
holds(const char *query, const char *arg, const char *wanted,
	  const char *behaviour)
{
	char	   *seen = value(query, arg);

	same(seen, wanted, behaviour);
	free(seen);
}

static char *
offer(const char *what)
{
	return value("SELECT fixture.offer($1)", what);
}

static void
withdraw(char *revision)
{
	free(value("SELECT schemamig_remove($1)", revision));
	free(revision);
}

static void
receive_notice(void *arg, const PGresult *res)
{
	const char *message = PQresultErrorField(res, PG_DIAG_MESSAGE_PRIMARY);

	(void) arg;
	notices++;
	if (message && strcmp(message, "greetings from the script: größer") == 0)
		greeted = true;
	if (message && announced[0] && strstr(message, announced))
		announced_seen = true;
}

static double
now(void)
{
	struct timespec t;

	clock_gettime(CLOCK_MONOTONIC, &t);
	return t.tv_sec + t.tv_nsec / 1e9;
}

/* Reads what the server sends for up to so many seconds, or until a result. */
static bool
read_for(PGconn *conn, double seconds, bool (*until) (void))
{
	double		end = now() + seconds;

	while (PQisBusy(conn) && now() < end && !(until && until()))
	{
		struct pollfd fd = {.fd = PQsocket(conn), .events = POLLIN};

		if (poll(&fd, 1, 50) > 0 && !PQconsumeInput(conn))
			break;
	}
	return !PQisBusy(conn);
}

static bool
asleep(void)
{
	char	   *answer = value("SELECT fixture.asleep()", NULL);
	bool		yes = answer[0] == 't';

	free(answer);
	return yes;
}

static bool
asleep_and_announced(void)
{
	return announced_seen && asleep();
}

/* The revisions of a result, in one string. */
static const char *
revisions(const PGresult *res)
{
	static char text[1024];
	int			column = PQfnumber(res, "revision");
	int			row;

	text[0] = '\0';
	if (PQresultStatus(res) != PGRES_TUPLES_OK || column < 0)
		snprintf(text, sizeof(text), "%s", PQresultErrorMessage(res));
	for (row = 0; column >= 0 && row < PQntuples(res); row++)
		snprintf(text + strlen(text), sizeof(text) - strlen(text), "%s%s",
				 row ? " " : "", PQgetvalue(res, row, column));
	return text;
}

static void
applies(PGconn *conn)
{
	PGresult   *res = PQexec(conn, APPLY);

	same(revisions(res), "one_items two_index three_state four_vacuum",
		 "a row for each revision");
	PQclear(res);
	ok(greeted, "the script's NOTICE arrives", NULL);
	holds("SELECT indisvalid FROM pg_index WHERE indexrelid = 'item_name_idx'::regclass",
		  NULL, "t", "the index built concurrently is valid");
}

static void
applies_every_way(PGconn *conn)
{
	const char *target[1] = {"head"};
	PGresult   *res;
	char	   *revision;
	int			i;

	revision = offer("index");
	res = PQexecParams(conn, "SELECT * FROM schemamig_apply($1)", 1, NULL,
					   target, NULL, NULL, 1);
	same(revisions(res), revision, "with a bound target, binary result");
	PQclear(res);
	free(revision);

	PQclear(PQprepare(conn, "apply", "SELECT * FROM schemamig_apply($1)", 0, NULL));
	for (i = 0; i < 2; i++)
	{
		revision = offer("index");
		res = PQexecPrepared(conn, "apply", 1, target, NULL, NULL, 0);
		same(revisions(res), revision,
			 i ? "prepared, again" : "prepared");
		PQclear(res);
		free(revision);
	}

	revision = offer("index");
	PQclear(PQexec(conn, "BEGIN"));
	res = PQexec(conn, APPLY);
	same(revisions(res), revision, "inside BEGIN and COMMIT");
	PQclear(res);
	PQclear(PQexec(conn, "COMMIT"));
	free(revision);

	/* several statements in one message are one implicit transaction */
	revision = offer("index");
	res = PQexec(conn, "SELECT 1; " APPLY);
	same(revisions(res), revision, "as the last of several in one message");
	PQclear(res);
	free(revision);

	/* LATIN1 has the letter, in one byte */
	revision = offer("fails");
	PQsetClientEncoding(conn, "LATIN1");
	res = PQexec(conn, APPLY);
	{
		const char *query = PQresultErrorField(res, PG_DIAG_INTERNAL_QUERY);
		const char *position = PQresultErrorField(res, PG_DIAG_INTERNAL_POSITION);

		same(PQresultErrorField(res, PG_DIAG_SQLSTATE), "42703",
			 "an error of the script has its SQLSTATE");
		ok(query && position &&
		   strlen(query) >= (size_t) atoi(position) &&
		   strncmp(query + atoi(position) - 1, "no_such_column", 14) == 0,
		   "with the position in the script, in LATIN1 as well", query);
		ok(query && strstr(query, "Gr\xf6\xdf" "e") != NULL,
		   "and the script comes in the client's encoding", query);
	}
	PQclear(res);
	PQsetClientEncoding(conn, "UTF8");
	holds("SELECT fixture.left_behind()", NULL, "nothing",
		  "the failed revision leaves nothing behind");
	withdraw(revision);
}

static void
is_cancelled(PGconn *conn)
{
	char	   *revision = offer("sleeps");
	PGcancel   *cancel = PQgetCancel(conn);
	char		message[256];
	PGresult   *res;
	double		start;

	snprintf(announced, sizeof(announced), "%s", revision);
	announced_seen = false;
	PQsendQuery(conn, APPLY);
	read_for(conn, 10, asleep_and_announced);
	ok(asleep(), "the run is under way", NULL);
	ok(announced_seen, "a NOTICE names the revision while it runs", NULL);
	holds("SELECT fixture.waits_without_snapshot()", NULL, "t",
		  "the caller waits without a snapshot");
	start = now();
	ok(PQcancel(cancel, message, sizeof(message)), "the request to cancel is sent",
	   message);
	PQfreeCancel(cancel);
	ok(read_for(conn, 5, NULL) && now() - start < 2,
	   "the call ends within two seconds", NULL);
	res = PQgetResult(conn);
	same(PQresultErrorField(res, PG_DIAG_SQLSTATE), "57014",
		 "with the SQLSTATE of a cancel");
	PQclear(res);
	while ((res = PQgetResult(conn)) != NULL)
		PQclear(res);
	holds("SELECT fixture.left_behind()", NULL, "nothing",
		  "the cancelled run leaves nothing behind");
	announced[0] = '\0';
	withdraw(revision);
}

static void
is_gone(void)
{
	char	   *revision = offer("sleeps");
	PGconn	   *conn = connect_or_die();

	PQsetNoticeReceiver(conn, receive_notice, NULL);
	PQsendQuery(conn, APPLY);
	PQflush(conn);
	read_for(conn, 10, asleep);
	ok(asleep(), "another run is under way", NULL);
	close(PQsocket(conn));		/* no word of goodbye; conn is lost */
	sleep(1);
	holds("SELECT fixture.left_behind()", NULL, "nothing",
		  "a client that is gone takes its run along");
	withdraw(revision);
}

int
main(void)
{
	PGconn	   *conn = connect_or_die();
	PGresult   *res;

	observer = connect_or_die();
	PQsetNoticeReceiver(conn, receive_notice, NULL);
	applies(conn);
	applies_every_way(conn);
	is_cancelled(conn);
	is_gone();
	notices = 0;
	res = PQexec(conn, APPLY);
	same(revisions(res), "", "nothing to do gives no row");
	ok(notices == 1, "and one NOTICE", NULL);
	PQclear(res);
	PQfinish(conn);
	PQfinish(observer);
	puts("finished");
	return 0;
}
