-- Names, arguments and results that outside programs call.
BEGIN;
SELECT plan(71);

SELECT has_schema('schemamig');

-- arguments by name, in order
SELECT is(pg_get_function_arguments(('public.' || f.name)::regproc), f.arguments, f.name || ' takes what it took')
FROM (VALUES
	('schemamig_revision', 'message text, up text, down text DEFAULT NULL::text, revision text DEFAULT NULL::text, parents text[] DEFAULT NULL::text[], depends_on text[] DEFAULT NULL::text[], labels text[] DEFAULT NULL::text[], splice boolean DEFAULT false'),
	('schemamig_load', 'source text'),
	('schemamig_export', 'revision text'),
	('schemamig_load_files', 'files jsonb'),
	('schemamig_export_files', 'files jsonb DEFAULT ''{}''::jsonb'),
	('schemamig_draft', 'message text, files jsonb DEFAULT ''{}''::jsonb, revision text DEFAULT NULL::text, parents text[] DEFAULT NULL::text[], depends_on text[] DEFAULT NULL::text[], labels text[] DEFAULT NULL::text[]'),
	('schemamig_replace', 'revision text, up text, down text'),
	('schemamig_remove', 'revision text'),
	('schemamig_merge', 'message text DEFAULT NULL::text, revisions text[] DEFAULT NULL::text[], revision text DEFAULT NULL::text'),
	('schemamig_apply', 'target text DEFAULT ''head''::text, transaction text DEFAULT ''revision''::text, allow_destructive boolean DEFAULT NULL::boolean'),
	('schemamig_revert', 'target text DEFAULT ''-1''::text, transaction text DEFAULT ''revision''::text, allow_destructive boolean DEFAULT NULL::boolean'),
	('schemamig_start', 'target text DEFAULT ''head''::text, direction text DEFAULT ''apply''::text, transaction text DEFAULT ''revision''::text, allow_destructive boolean DEFAULT NULL::boolean'),
	('schemamig_wait', 'run bigint DEFAULT NULL::bigint'),
	('schemamig_backfill', 'statement text, batch_size integer DEFAULT NULL::integer, workers integer DEFAULT NULL::integer, key text[] DEFAULT NULL::text[], on_error text DEFAULT ''stop''::text, verify text DEFAULT NULL::text, name text DEFAULT NULL::text'),
	('schemamig_backfill_start', 'statement text, batch_size integer DEFAULT NULL::integer, workers integer DEFAULT NULL::integer, key text[] DEFAULT NULL::text[], on_error text DEFAULT ''stop''::text, verify text DEFAULT NULL::text, name text DEFAULT NULL::text'),
	('schemamig_backfill_finish', 'name text'),
	('schemamig_backfill_set', 'name text, batch_target integer DEFAULT NULL::integer, workers integer DEFAULT NULL::integer, nice double precision DEFAULT NULL::double precision'),
	('schemamig_stamp', 'target text, purge boolean DEFAULT false'),
	('schemamig_heads', 'effective boolean DEFAULT false'),
	('schemamig_history', 'range text DEFAULT NULL::text'),
	('schemamig_show', 'revision text'),
	('schemamig_path', 'target text DEFAULT ''head''::text, direction text DEFAULT ''apply''::text'),
	('schemamig_plan', 'target text DEFAULT ''head''::text, direction text DEFAULT ''apply''::text'),
	('schemamig_sql', 'range text DEFAULT NULL::text'),
	('schemamig_import', 'tool text, source text, down text DEFAULT NULL::text'),
	('schemamig_adopt', 'tool text DEFAULT NULL::text'),
	('schemamig_baseline', 'message text DEFAULT ''baseline''::text, revision text DEFAULT NULL::text'),
	('schemamig_squash', 'range text, message text, revision text DEFAULT NULL::text, verify boolean DEFAULT NULL::boolean'),
	('schemamig_lint', 'sql text'),
	('schemamig_rewrite', 'sql text'),
	('schemamig_trace', 'target text DEFAULT ''head''::text, direction text DEFAULT ''apply''::text, steps text DEFAULT ''cheap''::text, budget interval DEFAULT ''00:00:05''::interval'),
	('schemamig_approve', 'revision text, note text DEFAULT NULL::text, checksum text DEFAULT NULL::text'),
	('schemamig_guard', 'mode text DEFAULT NULL::text'),
	('schemamig_report', 'target text DEFAULT ''head''::text'),
	('schemamig_graph', 'format text DEFAULT ''text''::text'),
	('schemamig_model', 'sql text, name text DEFAULT ''default''::text'),
	('schemamig_diff', 'source text, target text'),
	('schemamig_filter', 'action text, pattern text DEFAULT NULL::text, kind text DEFAULT NULL::text'),
	('schemamig_repair', 'message text DEFAULT NULL::text'),
	('schemamig_fingerprint', 'source text DEFAULT ''live''::text'),
	('schemamig_autogenerate', 'message text, model text DEFAULT NULL::text, revision text DEFAULT NULL::text'),
	('schemamig_verify', 'target text DEFAULT ''heads''::text'),
	('schemamig_verify_tap', 'target text DEFAULT ''heads''::text')
) AS f (name, arguments);

-- result columns
SELECT is(regexp_replace(pg_get_function_result(('public.' || f.name)::regproc), ' (timestamp with time zone|double precision|[a-z]+(\[\])?)(?=[,)])', '', 'g'),
	f.result, f.name || ' gives the columns it gave')
FROM (VALUES
	('schemamig_apply', 'TABLE(seq, revision, direction, message, steps, duration)'),
	('schemamig_revert', 'TABLE(seq, revision, direction, message, steps, duration)'),
	('schemamig_wait', 'TABLE(seq, revision, direction, message, steps, duration)'),
	('schemamig_load_files', 'TABLE(file, revision, change)'),
	('schemamig_export_files', 'TABLE(file, change, content)'),
	('schemamig_draft', 'TABLE(file, revision, content)'),
	('schemamig_current', 'TABLE(revision, message, applied_at, applied_by)'),
	('schemamig_heads', 'TABLE(revision, message, labels)'),
	('schemamig_branches', 'TABLE(revision, children)'),
	('schemamig_history', 'TABLE(revision, parents, depends_on, labels, message, state, is_head, is_current, created_at, applied_at)'),
	('schemamig_path', 'TABLE(seq, revision, direction)'),
	('schemamig_lint', 'TABLE(statement, line, col, rule, severity, message, suggestion, locks, rewrites, scans)'),
	('schemamig_trace', 'TABLE(seq, revision, direction, step, kind, statement, line, sql, traced, reason, locks, rewrites, scans, rows, duration)'),
	('schemamig_filters', 'TABLE(action, pattern, kind, objects, created_at, created_by)'),
	('schemamig_import', 'SETOF text'),
	('schemamig_adopt', 'TABLE(version, revision, state, detail, source)'),
	('schemamig_plan', 'TABLE(seq, revision, direction, step, kind, statement, line, sql, locks, rewrites, scans, destructive, hazards)')
) AS f (name, result);

SELECT volatility_is('public', 'schemamig_apply', ARRAY['text', 'text', 'boolean'], 'volatile');
SELECT is_procedure('public', 'schemamig_run', ARRAY['text', 'text', 'text', 'boolean']);
SELECT columns_are('schemamig', 'log', ARRAY['run', 'seq', 'at', 'role', 'client', 'event', 'revision', 'step', 'statement', 'duration', 'sqlstate', 'message', 'detail']);
SELECT columns_are('schemamig', 'progress', ARRAY['run', 'revision', 'step', 'relation', 'rows_done', 'rows_total', 'percent', 'rows_per_second', 'eta', 'batch_size', 'workers', 'throttled_by', 'state']);
SELECT columns_are('schemamig', 'lock', ARRAY['pid', 'role', 'application_name', 'run', 'target', 'acquired_at', 'waiting_callers']);

-- a revision inside the test's own transaction, rolled back with it
SELECT lives_ok($$SELECT schemamig_revision('contract', 'CREATE TABLE contract (a int)', 'DROP TABLE contract', revision => 'contract')$$);
SELECT results_eq($$SELECT revision, steps FROM schemamig_apply(transaction => 'caller')$$, $$VALUES ('contract', 1)$$);
SELECT has_table('public', 'contract', 'transaction => caller runs inside the transaction');
SELECT throws_ok($$SELECT * FROM schemamig_revert('base', transaction => 'caller')$$, '2F002', NULL, 'reverting asks before it destroys');
SELECT throws_ok($$SELECT * FROM schemamig_path('nowhere')$$, '42704', NULL, 'an undefined target is an error');

SELECT * FROM finish();
ROLLBACK;
