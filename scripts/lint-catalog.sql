-- Checks what CREATE EXTENSION makes; run by scripts/lint in a new database
-- with the extension.  Each query returns what breaks the rule named before
-- it; the last returns the names that the documentation must explain.

\set QUIET on
\pset tuples_only on
\pset format unaligned
LOAD 'schemamig';

CREATE TEMP VIEW member AS
SELECT d.classid, d.objid
FROM pg_depend d
	JOIN pg_extension e
		ON d.refclassid = 'pg_extension'::regclass AND d.refobjid = e.oid
WHERE e.extname = 'schemamig' AND d.deptype = 'e';

CREATE TEMP VIEW member_proc AS
SELECT p.*, p.oid::regprocedure AS name
FROM pg_proc p
	JOIN member m ON m.classid = 'pg_proc'::regclass AND m.objid = p.oid;

\echo rule: a comment on every object
SELECT pg_describe_object(classid, objid, 0)
FROM member
WHERE obj_description(objid, classid::regclass::name) IS NULL
	AND NOT (classid = 'pg_type'::regclass AND EXISTS (
		SELECT FROM pg_type t WHERE t.oid = objid
			AND (t.typrelid <> 0 OR t.typelem <> 0)))
	AND NOT (classid = 'pg_class'::regclass AND EXISTS (
		SELECT FROM pg_depend d WHERE d.objid = member.objid
			AND d.classid = 'pg_class'::regclass
			AND d.deptype IN ('i', 'a') AND d.refobjsubid > 0))
ORDER BY 1;

\echo rule: a comment on every column
SELECT a.attrelid::regclass || '.' || a.attname
FROM member m
	JOIN pg_class c ON m.classid = 'pg_class'::regclass AND c.oid = m.objid
	JOIN pg_attribute a ON a.attrelid = c.oid AND a.attnum > 0
		AND NOT a.attisdropped
WHERE c.relkind IN ('r', 'p', 'v')
	AND col_description(a.attrelid, a.attnum) IS NULL
ORDER BY a.attrelid::regclass::text, a.attnum;

\echo rule: a name for every argument
SELECT name
FROM member_proc
WHERE pronargs > 0 AND prorettype <> 'event_trigger'::regtype
	AND (proargnames IS NULL OR '' = ANY (proargnames))
ORDER BY name::text;

\echo rule: functions in the schema of the extension begin with its name
SELECT name
FROM member_proc
WHERE pronamespace <> 'schemamig'::regnamespace
	AND proname !~ '^schemamig_'
ORDER BY name::text;

\echo rule: nothing may be executed or read by PUBLIC
SELECT pg_describe_object(m.classid, m.objid, 0)
FROM member m
	LEFT JOIN pg_proc p ON m.classid = 'pg_proc'::regclass AND p.oid = m.objid
	LEFT JOIN pg_class c ON m.classid = 'pg_class'::regclass AND c.oid = m.objid
	CROSS JOIN LATERAL aclexplode(COALESCE(p.proacl, c.relacl,
		CASE WHEN p.oid IS NOT NULL THEN acldefault('f', p.proowner) END)) acl
WHERE acl.grantee = 0
ORDER BY 1;

\echo rule: SECURITY DEFINER functions pin search_path to pg_catalog, pg_temp
SELECT name
FROM member_proc
WHERE prosecdef
	AND NOT COALESCE(proconfig @> '{"search_path=pg_catalog, pg_temp"}', false)
ORDER BY name::text;

\echo rule: C functions say whether they may run in parallel
SELECT name
FROM member_proc
WHERE prolang = (SELECT oid FROM pg_language WHERE lanname = 'c')
	AND provolatile = 'v' AND proparallel = 's'
ORDER BY name::text;

\echo rule: tables with data are dumped
SELECT c.oid::regclass
FROM pg_class c
	JOIN member m ON m.classid = 'pg_class'::regclass AND m.objid = c.oid
	JOIN pg_extension e ON e.extname = 'schemamig'
WHERE c.relkind IN ('r', 'p') AND c.relpersistence = 'p'
	AND NOT COALESCE(c.oid = ANY (e.extconfig), false)
ORDER BY 1;

\echo rule: every setting has a description
SELECT name
FROM pg_settings
WHERE name LIKE 'schemamig.%'
	AND (COALESCE(short_desc, '') = '' OR COALESCE(extra_desc, '') = '')
ORDER BY name;

\echo names for the documentation
SELECT name FROM pg_settings WHERE name LIKE 'schemamig.%'
UNION
SELECT proname FROM member_proc WHERE pronamespace <> 'schemamig'::regnamespace
ORDER BY 1;
