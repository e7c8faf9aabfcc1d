-- What a script sets ends with its revision, whether it is one transaction or
-- several steps; deferred triggers still see it.
TRUNCATE schemamig.revision, schemamig.applied, schemamig.step, schemamig.run, schemamig.log_entry RESTART IDENTITY;
CREATE TABLE seen (place text, setting text, who text);
CREATE ROLE regress_settings_end;
GRANT CREATE ON SCHEMA public TO regress_settings_end;
GRANT INSERT ON seen TO regress_settings_end;
CREATE FUNCTION look(place text) RETURNS void LANGUAGE sql AS
	$$ INSERT INTO seen VALUES (place, coalesce(nullif(current_setting('app.x', true), ''), 'none') || ' ' || current_setting('work_mem'), CASE current_user WHEN 'regress_settings_end' THEN 'other' ELSE 'caller' END) $$;
CREATE FUNCTION look_later() RETURNS trigger LANGUAGE plpgsql AS
	$$ BEGIN PERFORM look('deferred trigger'); RETURN NULL; END $$;
CREATE FUNCTION change() RETURNS void LANGUAGE plpgsql AS
	$$ BEGIN PERFORM set_config('app.x', 'function', false); SET work_mem = '3MB'; END $$;
CREATE TABLE t (i int);
CREATE CONSTRAINT TRIGGER later AFTER INSERT ON t DEFERRABLE INITIALLY DEFERRED
	FOR EACH ROW EXECUTE FUNCTION look_later();
SET client_min_messages = warning;
SET work_mem = '5MB';

SELECT schemamig_revision('one transaction', $$SET app.x = 'script'; SET work_mem = '2MB'; INSERT INTO t VALUES (1); SELECT look('in a')$$, revision => 'a');
SELECT schemamig_revision('after it', $$SELECT look('after a')$$, revision => 'b');
SELECT schemamig_revision('by a function', $$SELECT change(); SELECT look('in c')$$, revision => 'c');
SELECT schemamig_revision('after it', $$SELECT look('after c')$$, revision => 'd');
SELECT schemamig_revision('another role', $$SET ROLE regress_settings_end; SELECT look('in e')$$, revision => 'e');
SELECT schemamig_revision('after it', $$SELECT look('after e')$$, revision => 'f');
SELECT schemamig_revision('several steps', $$SET app.x = 'steps'; CREATE INDEX CONCURRENTLY ON t (i); SELECT look('in g')$$, revision => 'g');
SELECT schemamig_revision('after it', $$SELECT look('after g')$$, revision => 'h');
SELECT count(*) FROM schemamig_apply();
SELECT * FROM seen;

-- the same within one transaction of the whole run
SELECT count(*) FROM schemamig_stamp('base');
DELETE FROM seen;
SELECT schemamig_replace('g', $$SET app.x = 'steps'; SELECT look('in g')$$, NULL);
SELECT count(*) FROM schemamig_apply(transaction => 'all');
SELECT * FROM seen;
SHOW work_mem;

-- the log and the applied set name the caller, not the role of a script
SELECT DISTINCT role = current_user FROM schemamig.log;
SELECT count(*) FROM schemamig_current() WHERE applied_by = current_user;

-- triggers on our tables still fire, as their owner
CREATE FUNCTION tell() RETURNS trigger LANGUAGE plpgsql AS
	$$ BEGIN INSERT INTO public.seen VALUES ('log trigger', NEW.event, NEW.revision); RETURN NEW; END $$;
CREATE TRIGGER tell AFTER INSERT ON schemamig.log_entry FOR EACH ROW EXECUTE FUNCTION tell();
DELETE FROM seen;
SELECT schemamig_revision('told', '', revision => 'i');
SELECT count(*) FROM schemamig_apply();
SELECT * FROM seen;

DROP TRIGGER tell ON schemamig.log_entry;
DROP TABLE t, seen;
DROP FUNCTION look, look_later, change, tell;
REVOKE ALL ON SCHEMA public FROM regress_settings_end;
DROP ROLE regress_settings_end;
