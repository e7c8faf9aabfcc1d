/* schemamig: running */

CREATE FUNCTION schemamig_apply(
	target text DEFAULT 'head',
	transaction text DEFAULT 'revision',
	allow_destructive boolean DEFAULT NULL)
RETURNS TABLE (seq integer, revision text, direction text, message text,
	steps integer, duration interval)
AS 'MODULE_PATHNAME', 'schemamig_apply'
LANGUAGE C VOLATILE PARALLEL UNSAFE;
COMMENT ON FUNCTION schemamig_apply(text, text, boolean) IS
'Applies what the target needs and returns one row per revision done. A background worker runs the scripts with the caller''s rights while the call waits, without a snapshot. transaction: revision (each revision commits when it is done), all (one transaction for the run), caller (inside the calling transaction, no worker). allow_destructive: consent to loss of data; NULL takes the setting schemamig.allow_destructive.';

CREATE FUNCTION schemamig_revert(
	target text DEFAULT '-1',
	transaction text DEFAULT 'revision',
	allow_destructive boolean DEFAULT NULL)
RETURNS TABLE (seq integer, revision text, direction text, message text,
	steps integer, duration interval)
AS 'MODULE_PATHNAME', 'schemamig_revert'
LANGUAGE C VOLATILE PARALLEL UNSAFE;
COMMENT ON FUNCTION schemamig_revert(text, text, boolean) IS
'Reverts until the target is reached, which itself stays applied (base reverts all), and returns one row per revision done. Arguments as for schemamig_apply.';

CREATE PROCEDURE schemamig_run(
	target text DEFAULT 'head',
	direction text DEFAULT 'apply',
	transaction text DEFAULT 'revision',
	allow_destructive boolean DEFAULT NULL)
AS 'MODULE_PATHNAME', 'schemamig_run'
LANGUAGE C;
COMMENT ON PROCEDURE schemamig_run(text, text, text, boolean) IS
'Does the work of schemamig_apply or schemamig_revert where a bare SELECT is not possible, such as in DO blocks and procedures: commits the calling transaction and waits.';

CREATE FUNCTION schemamig_start(
	target text DEFAULT 'head',
	direction text DEFAULT 'apply',
	transaction text DEFAULT 'revision',
	allow_destructive boolean DEFAULT NULL)
RETURNS bigint
AS 'MODULE_PATHNAME', 'schemamig_start'
LANGUAGE C VOLATILE PARALLEL UNSAFE;
COMMENT ON FUNCTION schemamig_start(text, text, text, boolean) IS
'Starts a run that goes on without the client and returns its id at once. schemamig_wait, schemamig_status and schemamig.log tell what becomes of it.';

CREATE FUNCTION schemamig_wait(run bigint DEFAULT NULL)
RETURNS TABLE (seq integer, revision text, direction text, message text,
	steps integer, duration interval)
AS 'MODULE_PATHNAME', 'schemamig_wait'
LANGUAGE C VOLATILE PARALLEL UNSAFE;
COMMENT ON FUNCTION schemamig_wait(bigint) IS
'Waits for a run (default: the one in progress, else the last one), tells its progress as notices, and returns its revisions or raises its error. Cancelling the wait does not stop the run.';

CREATE FUNCTION schemamig_cancel()
RETURNS boolean
AS 'MODULE_PATHNAME', 'schemamig_cancel'
LANGUAGE C VOLATILE PARALLEL UNSAFE;
COMMENT ON FUNCTION schemamig_cancel() IS
'Cancels the run in progress: its current step is rolled back, what came before is kept. False when there is none.';

CREATE FUNCTION schemamig_pause()
RETURNS boolean
AS 'MODULE_PATHNAME', 'schemamig_pause'
LANGUAGE C VOLATILE PARALLEL UNSAFE;
COMMENT ON FUNCTION schemamig_pause() IS
'Pauses the run in progress before its next statement; a step that was begun is rolled back, so that no lock is held, and begins again after schemamig_resume. False when there is no run.';

CREATE FUNCTION schemamig_resume()
RETURNS boolean
AS 'MODULE_PATHNAME', 'schemamig_resume'
LANGUAGE C VOLATILE PARALLEL UNSAFE;
COMMENT ON FUNCTION schemamig_resume() IS
'Lets a paused run go on. False when none is paused.';

CREATE FUNCTION schemamig_settle(revision text, outcome text)
RETURNS void
AS 'MODULE_PATHNAME', 'schemamig_settle'
LANGUAGE C VOLATILE STRICT PARALLEL UNSAFE;
COMMENT ON FUNCTION schemamig_settle(text, text) IS
'A person''s word on a revision that is half done. outcome: retry or done, of the step that was interrupted; applied or unapplied, of the whole revision after it was completed or undone by hand.';
