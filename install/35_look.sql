/* schemamig: looking at scripts, runs and their progress */

CREATE FUNCTION schemamig_plan(target text DEFAULT 'head', direction text DEFAULT 'apply')
RETURNS TABLE (seq integer, revision text, direction text, step integer, kind text,
	statement integer, line integer, sql text, locks jsonb, rewrites text[], scans text[],
	destructive boolean, hazards jsonb)
LANGUAGE C STABLE PARALLEL UNSAFE
AS 'MODULE_PATHNAME', 'schemamig_plan';
COMMENT ON FUNCTION schemamig_plan(text, text) IS
'What a run to the target would do, one row for each statement, in the order of execution; nothing is executed. Statements with the same revision and step share a transaction where kind is transaction; concurrent, autocommit, call and backfill are single statements outside of one. line and statement count within the script. destructive: the run needs allow_destructive. A revision that has nothing to run is a row without a statement. Steps that an interrupted run has done are left out.';

CREATE FUNCTION schemamig_show(revision text)
RETURNS TABLE (revision text, message text, parents text[], depends_on text[], labels text[],
	state text, is_head boolean, is_current boolean, up text, down text,
	up_transaction text, down_transaction text, checksum text,
	created_at timestamptz, created_by text, applied_at timestamptz, applied_by text,
	run bigint, applied_checksum text)
LANGUAGE C STABLE PARALLEL UNSAFE
AS 'MODULE_PATHNAME', 'schemamig_show';
COMMENT ON FUNCTION schemamig_show(text) IS
'Everything about one revision, scripts and checksums included. Takes any target that names exactly one. state is applied, pending or partial; down is NULL where the revision cannot be undone; run is the run that applied it, NULL after a stamp; applied_checksum belongs to the content that was applied.';

CREATE FUNCTION schemamig_sql(range text DEFAULT NULL)
RETURNS SETOF text
LANGUAGE C STABLE PARALLEL UNSAFE
AS 'MODULE_PATHNAME', 'schemamig_sql';
COMMENT ON FUNCTION schemamig_sql(text) IS
'A script for psql that does what a run would do, without the runner but with its bookkeeping. range: NULL goes from what is applied to the head; a target, from what is applied to there, up or down; from:to, between any two, either end open. Save it with psql -At and run it with psql -f.';

CREATE FUNCTION schemamig_status()
RETURNS TABLE (current text[], heads text[], pending integer, running jsonb,
	last_error jsonb, drifted boolean, next text)
LANGUAGE C STABLE PARALLEL UNSAFE
AS 'MODULE_PATHNAME', 'schemamig_status';
COMMENT ON FUNCTION schemamig_status() IS
'One row: current revisions, heads, how many revisions are not applied, the run in progress (run, pid, role, since, direction, target, revision, step, state, progress; NULL when there is none), how the last run failed (NULL when it did not), whether the schema has drifted (NULL: not known), and what to do next.';

CREATE VIEW schemamig.log AS
SELECT l.run, l.seq, l.at, l.role, l.client, l.event, l.revision, l.step,
	l.statement, l.duration, l.sqlstate, l.message, l.detail
FROM schemamig.log_entry l;
COMMENT ON VIEW schemamig.log IS
'What happened, append-only, in the order of seq: beginnings and ends of runs, revisions and steps done, waits for locks, failures, stamps.';
COMMENT ON COLUMN schemamig.log.run IS 'Run the entry belongs to.';
COMMENT ON COLUMN schemamig.log.seq IS 'Order of the entries.';
COMMENT ON COLUMN schemamig.log.at IS 'When it happened.';
COMMENT ON COLUMN schemamig.log.role IS 'Role that acted.';
COMMENT ON COLUMN schemamig.log.client IS 'application_name of the caller.';
COMMENT ON COLUMN schemamig.log.event IS
'run and done or failure (beginning and end of a run), apply and revert (a revision is done), step (one of several steps is done), wait and retry (for locks), pause, resume, recovery, settle, stamp, guard (its mode was set), ddl (a change from outside of runs).';
COMMENT ON COLUMN schemamig.log.revision IS 'Revision concerned.';
COMMENT ON COLUMN schemamig.log.step IS 'Step concerned.';
COMMENT ON COLUMN schemamig.log.statement IS 'Statement concerned, numbered in its script from 1.';
COMMENT ON COLUMN schemamig.log.duration IS 'How long the revision has taken so far.';
COMMENT ON COLUMN schemamig.log.sqlstate IS 'SQLSTATE of a failure.';
COMMENT ON COLUMN schemamig.log.message IS
'Message of the revision, kind of the step, text of the failure, or who is waited for.';
COMMENT ON COLUMN schemamig.log.detail IS 'Detail of a failure.';

/* who holds the migration lock: an advisory lock of class 0x534D */
CREATE VIEW schemamig.lock_source AS
SELECT l.pid,
	coalesce(r.role, a.usename::text) AS role,
	coalesce(r.application_name, a.application_name) AS application_name,
	r.id AS run,
	r.target,
	coalesce(r.running_at, a.xact_start) AS acquired_at,
	ARRAY(SELECT w.pid
		FROM pg_catalog.pg_locks w
		WHERE NOT w.granted AND w.locktype = 'advisory' AND w.database = l.database
			AND w.classid = l.classid AND w.objid = l.objid AND w.objsubid = l.objsubid
		ORDER BY w.waitstart, w.pid) AS waiting_callers
FROM pg_catalog.pg_locks l
	JOIN pg_catalog.pg_database d ON d.oid = l.database
	LEFT JOIN pg_catalog.pg_stat_activity a ON a.pid = l.pid
	LEFT JOIN LATERAL (
		SELECT r.*
		FROM schemamig.run r
		WHERE r.worker_pid = l.pid AND r.state IN ('waiting', 'running')
			AND a.backend_type = 'schemamig worker' AND a.backend_start <= r.started_at
		ORDER BY r.id DESC
		LIMIT 1) r ON true
WHERE d.datname = pg_catalog.current_database() AND l.granted
	AND l.locktype = 'advisory' AND l.classid = 0 AND l.objid = 0
	AND l.objsubid = 21325;
COMMENT ON VIEW schemamig.lock_source IS
'Not for use: what schemamig.lock shows, for the owner only.';
COMMENT ON COLUMN schemamig.lock_source.pid IS 'Process that holds the lock.';
COMMENT ON COLUMN schemamig.lock_source.role IS 'Role whose rights the run uses.';
COMMENT ON COLUMN schemamig.lock_source.application_name IS 'application_name of the caller.';
COMMENT ON COLUMN schemamig.lock_source.run IS 'The run, when it is on record.';
COMMENT ON COLUMN schemamig.lock_source.target IS 'Target as the caller wrote it.';
COMMENT ON COLUMN schemamig.lock_source.acquired_at IS 'When the lock was taken.';
COMMENT ON COLUMN schemamig.lock_source.waiting_callers IS 'Processes that wait for the lock.';

/*
 * The runs in progress.  Where a run is, its worker says in the comment it
 * puts in front of each statement; what it waits for, in the log.
 */
CREATE VIEW schemamig.activity AS
WITH command AS (
	SELECT p.pid, p.relid, p.phase, p.tuples_done AS rows_done,
		nullif(p.tuples_total, 0) AS rows_total,
		CASE WHEN p.blocks_total > 0 THEN 100.0 * p.blocks_done / p.blocks_total
			WHEN p.tuples_total > 0 THEN 100.0 * p.tuples_done / p.tuples_total
			WHEN p.lockers_total > 0 THEN 100.0 * p.lockers_done / p.lockers_total
		END AS percent,
		nullif(p.current_locker_pid, 0) AS blocker
	FROM pg_catalog.pg_stat_progress_create_index p
	UNION ALL
	SELECT p.pid, p.relid, p.phase, NULL, NULL,
		100.0 * p.heap_blks_scanned / nullif(p.heap_blks_total, 0), NULL
	FROM pg_catalog.pg_stat_progress_vacuum p
	UNION ALL
	SELECT p.pid, p.relid, p.phase, p.heap_tuples_written, NULL,
		100.0 * p.heap_blks_scanned / nullif(p.heap_blks_total, 0), NULL
	FROM pg_catalog.pg_stat_progress_cluster p
	UNION ALL
	SELECT p.pid, p.relid, p.phase, NULL, NULL,
		100.0 * p.sample_blks_scanned / nullif(p.sample_blks_total, 0), NULL
	FROM pg_catalog.pg_stat_progress_analyze p
	UNION ALL
	SELECT p.pid, p.relid, 'copying', p.tuples_processed, NULL,
		100.0 * p.bytes_processed / nullif(p.bytes_total, 0), NULL
	FROM pg_catalog.pg_stat_progress_copy p),
worker AS (
	SELECT r.id AS run, r.kind, r.state AS run_state, a.pid, a.state AS session_state,
		a.wait_event_type = 'Lock' AS queued,
		last.event IN ('wait', 'retry') AND last.at > a.state_change AS backed_off,
		last.event IN ('wait', 'retry', 'pause') AND last.at > a.state_change AS between_tries,
		last.revision AS last_revision, last.step AS last_step, last.message AS last_message,
		pg_catalog.regexp_match(a.query,
			E'^/\\* schemamig run (\\d+?), (?:apply|revert) "(.*?)", step (\\d+?) of (\\d+?), statement (\\d+?) of (\\d+?) \\*/') AS label
	FROM schemamig.run r
		JOIN pg_catalog.pg_stat_activity a ON a.pid = r.worker_pid
			AND a.datname = pg_catalog.current_database()
			AND a.backend_type = 'schemamig worker' AND a.backend_start <= r.started_at
		LEFT JOIN LATERAL (
			SELECT l.event, l.at, l.revision, l.step, l.message
			FROM schemamig.log_entry l
			WHERE l.run = r.id
			ORDER BY l.seq DESC
			LIMIT 1) last ON true
	WHERE r.state IN ('waiting', 'running')),
place AS (
	SELECT w.*,
		CASE WHEN w.label[1] = w.run::text THEN w.label END AS here
	FROM worker w)
SELECT p.run, p.pid,
	CASE WHEN p.between_tries THEN p.last_revision ELSE p.here[2] END AS revision,
	CASE WHEN p.between_tries THEN p.last_step ELSE p.here[3]::integer END AS step,
	CASE WHEN NOT p.between_tries THEN p.here[4]::integer END AS steps,
	CASE WHEN NOT p.between_tries THEN p.here[5]::integer END AS statement,
	CASE WHEN NOT p.between_tries THEN p.here[6]::integer END AS statements,
	coalesce(b.relation, c.relid::regclass::text) AS relation,
	coalesce(b.rows_done, c.rows_done) AS rows_done,
	coalesce(b.rows_total, c.rows_total) AS rows_total,
	pg_catalog.round(coalesce(
		CASE WHEN b.rows_total > 0
			THEN least(100.0 * b.rows_scanned / b.rows_total, 100) END::numeric,
		c.percent::numeric), 1) AS percent,
	pg_catalog.round(b.rate::numeric) AS rows_per_second,
	CASE WHEN b.rate > 0
		THEN greatest(b.rows_total - b.rows_scanned, 0) / b.rate * '1 s'::interval
	END AS eta,
	b.current_batch AS batch_size,
	coalesce(b.workers, 1) AS workers,
	coalesce(b.throttled_by,
		CASE WHEN p.queued THEN (
			SELECT pg_catalog.string_agg(DISTINCT 'process ' || b.pid, ', ')
			FROM pg_catalog.unnest(pg_catalog.pg_blocking_pids(p.pid)) b (pid)) END,
		CASE WHEN p.backed_off THEN (
			SELECT pg_catalog.string_agg(DISTINCT b.process[1], ', ')
			FROM pg_catalog.regexp_matches(p.last_message, E'(?:^|; |way: )(process \\d+) \\(', 'g') b (process)) END,
		'process ' || c.blocker) AS throttled_by,
	CASE WHEN p.run_state = 'waiting' THEN 'waiting for another run'
		WHEN (SELECT s.last_value FROM schemamig.pause_switch s) = 1
			THEN CASE p.session_state WHEN 'active' THEN 'pausing' ELSE 'paused' END
		WHEN p.queued OR p.backed_off THEN 'waiting for lock'
		ELSE coalesce(c.phase, 'running')
	END AS state
FROM place p
	LEFT JOIN command c ON c.pid = p.pid
	LEFT JOIN LATERAL (
		SELECT f.*, (f.rows_scanned - f.resumed_scanned) / greatest(
			pg_catalog.date_part('epoch', pg_catalog.clock_timestamp() - f.resumed_at),
			0.001) AS rate
		FROM schemamig.backfill f
		WHERE f.run = p.run AND f.state = 'running'
		ORDER BY f.id DESC
		LIMIT 1) b ON true;
COMMENT ON VIEW schemamig.activity IS
'Not for use: what schemamig.progress and schemamig_status() show, for the owner only.';
COMMENT ON COLUMN schemamig.activity.run IS 'The run.';
COMMENT ON COLUMN schemamig.activity.pid IS 'Its process.';
COMMENT ON COLUMN schemamig.activity.revision IS 'Revision it is at.';
COMMENT ON COLUMN schemamig.activity.step IS 'Step it is at.';
COMMENT ON COLUMN schemamig.activity.steps IS 'Steps of the script.';
COMMENT ON COLUMN schemamig.activity.statement IS 'Statement it is at.';
COMMENT ON COLUMN schemamig.activity.statements IS 'Statements of the script.';
COMMENT ON COLUMN schemamig.activity.relation IS 'Relation that a command works on.';
COMMENT ON COLUMN schemamig.activity.rows_done IS 'Rows done by the command.';
COMMENT ON COLUMN schemamig.activity.rows_total IS 'Rows to do.';
COMMENT ON COLUMN schemamig.activity.percent IS 'How much is done of the command or its phase.';
COMMENT ON COLUMN schemamig.activity.rows_per_second IS 'Rate of a backfill.';
COMMENT ON COLUMN schemamig.activity.eta IS 'Time that a backfill will still take.';
COMMENT ON COLUMN schemamig.activity.batch_size IS 'Rows in a batch of a backfill.';
COMMENT ON COLUMN schemamig.activity.workers IS 'Processes at work.';
COMMENT ON COLUMN schemamig.activity.throttled_by IS 'Processes in the way.';
COMMENT ON COLUMN schemamig.activity.state IS 'What it does or waits for.';

/* rows for the views below, read as the owner: see src/look_view.c */
CREATE FUNCTION schemamig.view_handler()
RETURNS fdw_handler
LANGUAGE C STRICT
AS 'MODULE_PATHNAME', 'schemamig_view_handler';
COMMENT ON FUNCTION schemamig.view_handler() IS
'Not for use: handler of the foreign data wrapper behind schemamig.lock and schemamig.progress.';

CREATE FOREIGN DATA WRAPPER schemamig HANDLER schemamig.view_handler;
COMMENT ON FOREIGN DATA WRAPPER schemamig IS
'Not for use: behind schemamig.lock and schemamig.progress.';

CREATE SERVER schemamig FOREIGN DATA WRAPPER schemamig;
COMMENT ON SERVER schemamig IS
'Not for use: behind schemamig.lock and schemamig.progress.';

CREATE FOREIGN TABLE schemamig.lock_now
(
	pid integer,
	role text,
	application_name text,
	run bigint,
	target text,
	acquired_at timestamptz,
	waiting_callers integer[]
) SERVER schemamig;
COMMENT ON FOREIGN TABLE schemamig.lock_now IS
'Not for use: the rows of schemamig.lock, for the owner only.';
COMMENT ON COLUMN schemamig.lock_now.pid IS 'Process that holds the lock.';
COMMENT ON COLUMN schemamig.lock_now.role IS 'Role whose rights the run uses.';
COMMENT ON COLUMN schemamig.lock_now.application_name IS 'application_name of the caller.';
COMMENT ON COLUMN schemamig.lock_now.run IS 'The run, when it is on record.';
COMMENT ON COLUMN schemamig.lock_now.target IS 'Target as the caller wrote it.';
COMMENT ON COLUMN schemamig.lock_now.acquired_at IS 'When the lock was taken.';
COMMENT ON COLUMN schemamig.lock_now.waiting_callers IS 'Processes that wait for the lock.';

CREATE FOREIGN TABLE schemamig.progress_now
(
	run bigint,
	revision text,
	step integer,
	relation text,
	rows_done bigint,
	rows_total bigint,
	percent numeric,
	rows_per_second numeric,
	eta interval,
	batch_size integer,
	workers integer,
	throttled_by text,
	state text
) SERVER schemamig;
COMMENT ON FOREIGN TABLE schemamig.progress_now IS
'Not for use: the rows of schemamig.progress, for the owner only.';
COMMENT ON COLUMN schemamig.progress_now.run IS 'The run.';
COMMENT ON COLUMN schemamig.progress_now.revision IS 'Revision it is at.';
COMMENT ON COLUMN schemamig.progress_now.step IS 'Step it is at.';
COMMENT ON COLUMN schemamig.progress_now.relation IS 'Relation that a command works on.';
COMMENT ON COLUMN schemamig.progress_now.rows_done IS 'Rows done by the command.';
COMMENT ON COLUMN schemamig.progress_now.rows_total IS 'Rows to do.';
COMMENT ON COLUMN schemamig.progress_now.percent IS 'How much is done of the command or its phase.';
COMMENT ON COLUMN schemamig.progress_now.rows_per_second IS 'Rate of a backfill.';
COMMENT ON COLUMN schemamig.progress_now.eta IS 'Time that a backfill will still take.';
COMMENT ON COLUMN schemamig.progress_now.batch_size IS 'Rows in a batch of a backfill.';
COMMENT ON COLUMN schemamig.progress_now.workers IS 'Processes at work.';
COMMENT ON COLUMN schemamig.progress_now.throttled_by IS 'Processes in the way.';
COMMENT ON COLUMN schemamig.progress_now.state IS 'What it does or waits for.';

CREATE VIEW schemamig.lock AS
SELECT l.pid, l.role, l.application_name, l.run, l.target, l.acquired_at, l.waiting_callers
FROM schemamig.lock_now l;
COMMENT ON VIEW schemamig.lock IS
'Who holds the migration lock of this database: one row, or none when no run is in progress.';
COMMENT ON COLUMN schemamig.lock.pid IS 'Process that holds the lock.';
COMMENT ON COLUMN schemamig.lock.role IS 'Role whose rights the run uses.';
COMMENT ON COLUMN schemamig.lock.application_name IS 'application_name of the caller.';
COMMENT ON COLUMN schemamig.lock.run IS
'The run; NULL for one inside its caller''s own transaction, and for a stamp.';
COMMENT ON COLUMN schemamig.lock.target IS 'Target as the caller wrote it.';
COMMENT ON COLUMN schemamig.lock.acquired_at IS 'When the lock was taken.';
COMMENT ON COLUMN schemamig.lock.waiting_callers IS
'Processes that wait for the lock, the longest first.';

CREATE VIEW schemamig.progress AS
SELECT p.run, p.revision, p.step, p.relation, p.rows_done, p.rows_total, p.percent,
	p.rows_per_second, p.eta, p.batch_size, p.workers, p.throttled_by, p.state
FROM schemamig.progress_now p;
COMMENT ON VIEW schemamig.progress IS
'The runs in progress, one row each.';
COMMENT ON COLUMN schemamig.progress.run IS 'The run.';
COMMENT ON COLUMN schemamig.progress.revision IS 'Revision it is at.';
COMMENT ON COLUMN schemamig.progress.step IS 'Step it is at.';
COMMENT ON COLUMN schemamig.progress.relation IS
'Relation that is worked on, where the command says so: index builds, VACUUM, CLUSTER, ANALYZE, COPY.';
COMMENT ON COLUMN schemamig.progress.rows_done IS 'Rows done, where the command counts them.';
COMMENT ON COLUMN schemamig.progress.rows_total IS 'Rows to do, where the command knows.';
COMMENT ON COLUMN schemamig.progress.percent IS
'How much is done of the command, or of the phase it is in.';
COMMENT ON COLUMN schemamig.progress.rows_per_second IS 'Rate of a backfill.';
COMMENT ON COLUMN schemamig.progress.eta IS 'Time that a backfill will still take.';
COMMENT ON COLUMN schemamig.progress.batch_size IS 'Rows in a batch of a backfill.';
COMMENT ON COLUMN schemamig.progress.workers IS 'Processes at work.';
COMMENT ON COLUMN schemamig.progress.throttled_by IS 'What it waits for: the processes in its way.';
COMMENT ON COLUMN schemamig.progress.state IS
'running, or the phase of the command; waiting for lock; waiting for another run; pausing (before its next statement), paused.';
