ALTER DEFAULT PRIVILEGES GRANT SELECT ON TABLES TO alice;
CREATE TABLE comes (a int, b int, "C c" text); REVOKE ALL ON comes FROM alice; GRANT SELECT (a), UPDATE ("C c") ON comes TO alice;
CREATE TABLE child () INHERITS (comes); REVOKE ALL ON child FROM alice; GRANT INSERT (b) ON child TO alice;
