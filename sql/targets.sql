--
-- Targets: what they mean, what is refused, stamps and ranges
--
CREATE FUNCTION pg_temp.rev(id text, parents text[] DEFAULT '{}', depends_on text[] DEFAULT '{}', labels text[] DEFAULT '{}')
RETURNS void LANGUAGE sql AS $$
	INSERT INTO schemamig.revision (id, message, parents, depends_on, labels, up, down, checksum, created_by)
	VALUES (id, '', parents, depends_on, labels, '', '', 'sum of ' || id, 'regress');
$$;
CREATE FUNCTION pg_temp.clear() RETURNS void LANGUAGE sql AS $$
	TRUNCATE schemamig.revision, schemamig.applied, schemamig.step, schemamig.run, schemamig.log_entry;
$$;
-- Each answer as one line; an error with everything that belongs to it.
CREATE FUNCTION pg_temp.ask(VARIADIC questions text[]) RETURNS SETOF text
LANGUAGE plpgsql AS $$
DECLARE
	question text;
	answer text;
	state text;
	detail text;
	hint text;
BEGIN
	FOREACH question IN ARRAY questions LOOP
		BEGIN
			EXECUTE format('SELECT string_agg(t.a, '' '') FROM %s t (a)',
				CASE split_part(question, ' ', 1)
					WHEN 'apply' THEN format('(SELECT revision FROM schemamig_path(%L) ORDER BY seq)', substr(question, 7))
					WHEN 'revert' THEN format('(SELECT revision FROM schemamig_path(%L, ''revert'') ORDER BY seq)', substr(question, 8))
					WHEN 'stamp' THEN format('schemamig_stamp(%L)', substr(question, 7))
					WHEN 'resolve' THEN format('schemamig_resolve(%L)', substr(question, 9))
					WHEN 'history' THEN format('(SELECT revision FROM schemamig_history(%L))', substr(question, 9))
				END)
			INTO answer;
			RETURN NEXT format('%s => %s', question, coalesce(answer, '-'));
		EXCEPTION WHEN OTHERS THEN
			GET STACKED DIAGNOSTICS state = RETURNED_SQLSTATE, detail = PG_EXCEPTION_DETAIL, hint = PG_EXCEPTION_HINT;
			RETURN NEXT format('%s => ERROR %s: %s', question, state, SQLERRM);
			IF detail <> '' THEN
				RETURN NEXT '    DETAIL: ' || detail;
			END IF;
			IF hint <> '' THEN
				RETURN NEXT '    HINT: ' || hint;
			END IF;
		END;
	END LOOP;
END
$$;
\pset format unaligned
\pset tuples_only on

-- nothing is there yet
SELECT pg_temp.ask('apply nosuch', 'apply head', 'apply base', 'apply +1', 'revert -1', 'revert base', 'resolve -1', 'history :');

--   a <- b <- c1 [left] <- d1
--          <- c2 [right] <- d2, depends on c1
--   x [other] <- y, depends on left
SELECT pg_temp.rev('a000'), pg_temp.rev('b000', '{a000}'),
	pg_temp.rev('c1', '{b000}', labels => '{left}'), pg_temp.rev('d1', '{c1}'),
	pg_temp.rev('c2', '{b000}', labels => '{right}'), pg_temp.rev('d2', '{c2}', '{c1}'),
	pg_temp.rev('x000', labels => '{other}'), pg_temp.rev('y000', '{x000}', '{left}');

-- applying from nothing
SELECT pg_temp.ask('apply a000', 'apply a', 'apply  b000 ', 'apply left', 'apply d1', 'apply y000', 'apply heads',
	'apply head', 'apply left@head', 'apply right@head', 'apply other@head', 'apply left@heads', 'apply a000@heads',
	'apply base', 'apply left@base', 'apply current', 'apply d1, d2', 'apply d1,y000,d1',
	'apply +1', 'apply left@+1', 'apply left@+4', 'apply right@+3', 'apply right@+9', 'apply other@+1',
	'apply a000+1', 'apply a000+2', 'apply left@a000+2', 'apply d1-1', 'apply d1-3', 'apply d1-4', 'apply d1-5',
	'apply left@head-1', 'apply base+1', 'apply left@base+2', 'apply left@c1', 'apply left@b000', 'apply d1+0');

-- wrong targets
SELECT pg_temp.ask('apply nosuch', 'apply c', 'apply zz', 'apply right@c1', 'apply right@lef', 'apply nosuch@head',
	'apply', 'apply  ', 'apply ,', 'apply a000,', 'apply a000,,b000', 'apply @', 'apply @head', 'apply left@', 'apply left@@head',
	'apply left@right@head', 'apply +', 'apply -', 'apply +x', 'apply +1x', 'apply a000+', 'apply a000+1-1', 'apply a000+2junk',
	'apply a000 +1', 'apply a000:b000', 'apply "a000"', 'apply ''a000''', 'apply a000;', 'apply a\000', 'apply +0', 'apply -0',
	'apply left@+0', 'apply +99999999999999999999', 'apply a000-2147483648', 'apply head@left', 'apply base@head', 'apply current@+1',
	'apply -1', 'apply left@-1', 'revert +1', 'revert left@+2', 'apply HEAD', 'apply Left', 'apply a000, b000', 'apply d1, heads',
	'revert a000, b000', 'apply +1, +2', 'apply heads-1', 'apply d1+1', 'apply head+1', 'apply left@head+1', 'apply left@x000+1');
SELECT pg_temp.ask('apply ' || repeat('x', 300));
SELECT * FROM schemamig_path(NULL);
SELECT * FROM schemamig_path('head', NULL);
SELECT * FROM schemamig_path('head', 'up');
SELECT schemamig_resolve(NULL);
SELECT schemamig_stamp(NULL);
SELECT schemamig_stamp('base', NULL);

-- from a state in the middle
SELECT pg_temp.ask('stamp c1, x000');
SELECT pg_temp.ask('apply +1', 'apply left@+1', 'apply right@+1', 'apply other@+1', 'apply other@+2', 'apply heads', 'apply d1', 'apply a000',
	'apply current', 'revert current', 'revert -1', 'revert left@-1', 'revert right@-1', 'revert other@-1', 'revert other@-2', 'revert left@-3',
	'revert left@-4', 'revert c1', 'revert b000', 'revert c2', 'revert d1', 'revert x000', 'revert base', 'revert left@base', 'revert other@base',
	'revert head', 'revert heads', 'revert left@head', 'resolve current', 'resolve left@current', 'resolve other@current', 'resolve right@current',
	'revert current-1', 'revert left@current-1', 'apply other@current+1');

-- from everything: what a label's base takes with it
SELECT pg_temp.ask('stamp heads', 'apply heads', 'revert base', 'revert left@base', 'revert right@base', 'revert other@base', 'revert a000@base',
	'revert d2@base', 'revert left@b000', 'revert right@a000', 'revert a000', 'revert c1', 'revert x000', 'revert d1', 'revert d2-1',
	'revert right@head-1', 'revert -1', 'revert left@-1', 'revert other@-1', 'revert other@nosuch', 'revert other@d1', 'revert left@heads', 'revert heads');

-- prefixes: of names longer than three characters, ambiguous ones are listed
SELECT pg_temp.clear();
SELECT count(pg_temp.rev('abcd' || lpad(i::text, 3, '0'), labels => CASE i WHEN 3 THEN '{abcdlabel,solo}' ELSE '{}'::text[] END)) FROM generate_series(1, 14) i;
SELECT pg_temp.rev('abc', '{abcd001}');
SELECT pg_temp.ask('resolve abcd', 'resolve abcd00', 'resolve abcd004', 'resolve abc', 'resolve ab', 'resolve sol', 'resolve abcdl', 'resolve abcd001@ab', 'resolve abcd001@abc', 'resolve solo@abcd');

-- resolving: -N counts from the heads, +N from what is applied
SELECT pg_temp.clear();
SELECT pg_temp.rev('r1'), pg_temp.rev('r2', '{r1}'), pg_temp.rev('r3', '{r2}', labels => '{tip}'), pg_temp.rev('r4', '{r3}');
SELECT pg_temp.ask('stamp r2');
SELECT pg_temp.ask('resolve head', 'resolve heads', 'resolve base', 'resolve -1', 'resolve -3', 'resolve -4', 'resolve -5', 'resolve +1', 'resolve +2', 'resolve +3',
	'resolve tip@-1', 'resolve tip', 'resolve r1+2', 'resolve r4-3', 'resolve base+1', 'resolve base-1', 'resolve r1,r2 , r1');

-- ranges
SELECT pg_temp.ask('history :', 'history r2:r3', 'history r2:', 'history :r2', 'history base:heads', 'history r2:+1', 'history :+1', 'history -1:', 'history -2:r3', 'history -9:r3',
	'history -1:current', 'history current:', 'history current:current', 'history  r2 : r2 ', 'history tip@-2:heads', 'history base:base',
	'history r3:r2', 'history', 'history r2', 'history r1:r2:r3', 'history nosuch:', 'history :nosuch', 'history r2:+1x', 'history r1,r2:r4', 'history :r1,r4', 'history r1:-1', 'history +1:+1');
SELECT count(*) FROM schemamig_history(NULL);
SELECT pg_temp.rev('s3', '{r2}', '{r4}', '{side}');
SELECT pg_temp.ask('history r2:heads', 'history side@base:heads', 'history tip@base:heads', 'history r3:s3', 'history r3:r4,s3', 'history -1:', 'history r4:', 'history r2:+1', 'history r2:tip@+1');

-- stamping: what is above or below gives way, other branches stay
SELECT pg_temp.clear();
SELECT pg_temp.rev('a'), pg_temp.rev('b', '{a}'), pg_temp.rev('c1', '{b}', labels => '{left}'), pg_temp.rev('d1', '{c1}'),
	pg_temp.rev('c2', '{b}', labels => '{right}'), pg_temp.rev('d2', '{c2}'), pg_temp.rev('x'), pg_temp.rev('y', '{x}', '{left}');
SELECT pg_temp.ask('stamp a', 'stamp d1', 'stamp c2', 'stamp heads', 'stamp c1', 'stamp right@base', 'stamp x', 'stamp y', 'stamp left@base', 'stamp +1', 'stamp -1',
	'stamp base', 'stamp +1', 'stamp d1, d2', 'stamp left@-1', 'stamp left@+1', 'stamp current', 'stamp heads', 'stamp head', 'stamp nosuch', 'stamp -1', 'stamp b');
SELECT * FROM schemamig_stamp('x', purge => true);
SELECT string_agg(revision, ' ') FROM schemamig_current();
SELECT string_agg(revision, ' ' ORDER BY revision) FROM schemamig.applied;

-- a stamp is a run, is logged, and takes the checksum of the content
SELECT count(*), min(kind), min(state), bool_and(role = current_user), bool_and(ended_at >= started_at) FROM schemamig.run;
SELECT revision, checksum, run IS NULL, applied_by = current_user FROM schemamig.applied;
SELECT l.event, l.revision, l.direction, l.message FROM schemamig.log_entry l WHERE l.run = (SELECT max(id) FROM schemamig.run) ORDER BY seq;

-- journals of what it is about become void, others stay
INSERT INTO schemamig.step (revision, direction, step, kind, state, checksum)
SELECT r, 'apply', 1, 'transaction', 'done', '' FROM unnest('{a,c1,d2,y}'::text[]) r;
SELECT string_agg(revision, ' ') FROM schemamig_history() WHERE state = 'partial';
SELECT pg_temp.ask('stamp d1');
SELECT string_agg(revision, ' ' ORDER BY revision) FROM schemamig.step;
SELECT l.event, l.revision, l.direction, l.message FROM schemamig.log_entry l WHERE l.run = (SELECT max(id) FROM schemamig.run) ORDER BY seq;
SELECT pg_temp.ask('stamp right@base');
SELECT string_agg(revision, ' ' ORDER BY revision) FROM schemamig.step;
SELECT pg_temp.ask('stamp base');
SELECT count(*) FROM schemamig.step;

-- an error changes nothing
SELECT pg_temp.ask('stamp b', 'stamp d1, nosuch', 'stamp -5', 'apply b');
SELECT string_agg(revision, ' ' ORDER BY revision) FROM schemamig.applied;

-- where a stamp is not possible
BEGIN READ ONLY;
SELECT schemamig_stamp('base');
ROLLBACK;
BEGIN ISOLATION LEVEL REPEATABLE READ;
SELECT schemamig_stamp('base');
ROLLBACK;

-- EXECUTE is the only right one needs; without it there is nothing
CREATE ROLE regress_graph_reader;
CREATE ROLE regress_graph_nobody;
GRANT EXECUTE ON FUNCTION schemamig_path, schemamig_history, schemamig_current, schemamig_heads, schemamig_branches, schemamig_resolve, schemamig_graph TO regress_graph_reader;
SET ROLE regress_graph_reader;
SELECT revision FROM schemamig_path('left@head');
SELECT revision FROM schemamig_current();
SELECT count(*) FROM schemamig_history();
SELECT count(*) FROM schemamig_heads();
SELECT schemamig_resolve('right');
SELECT length(schemamig_graph()) > 0;
SELECT * FROM schemamig.revision;
SELECT schemamig_stamp('base');
SET ROLE regress_graph_nobody;
SELECT * FROM schemamig_path();
SELECT * FROM schemamig_history();
SELECT * FROM schemamig_current();
SELECT * FROM schemamig_heads();
SELECT * FROM schemamig_branches();
SELECT schemamig_resolve('left');
SELECT schemamig_graph();
RESET ROLE;
GRANT EXECUTE ON FUNCTION schemamig_stamp TO regress_graph_reader;
SET ROLE regress_graph_reader;
SELECT schemamig_stamp('d2');
RESET ROLE;
SELECT revision, CASE applied_by WHEN session_user THEN 'me' ELSE applied_by END FROM schemamig.applied ORDER BY revision;
SELECT role, login_role = session_user FROM schemamig.run ORDER BY id DESC LIMIT 1;
DROP OWNED BY regress_graph_reader;
DROP ROLE regress_graph_reader, regress_graph_nobody;

SELECT pg_temp.clear();
