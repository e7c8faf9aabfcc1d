-- A nightly apply, by pg_cron, in the database itself. The job runs as the role
-- that schedules it: an operator who owns what the revisions change, not a
-- superuser. Revisions arrive by day with "schemamig push".
SELECT cron.schedule('schemamig', '0 3 * * *', $$SELECT * FROM schemamig_apply('head')$$);

-- In the morning: what happened, and what is left to do.
SELECT status, return_message, start_time, end_time
FROM cron.job_run_details
WHERE command ~ 'schemamig_apply'
ORDER BY start_time DESC
LIMIT 1;

SELECT pending, last_error, next FROM schemamig_status();

-- Those of the night that took longest.
SELECT revision, message, duration
FROM schemamig.log
WHERE event = 'apply' AND at > now() - interval '12 hours'
ORDER BY duration DESC;
