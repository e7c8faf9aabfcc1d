-- The text of doc/rules.md, from the rules' descriptors.
SELECT $$# Rules

Made from the rules' descriptors by `make rules`; do not edit. What the tables
of the examples look like is in [test/lint/examples.sql](../test/lint/examples.sql).
A test runs each example: the first is flagged, the second is not.

*error*: will block, fail or break; *warning*: can hurt; *note*: good to know.
How to use them: [lint.md](lint.md).
$$ || string_agg(page, '' ORDER BY ordinality)
FROM (
	SELECT ordinality,
		CASE WHEN row_number() OVER (PARTITION BY family ORDER BY ordinality) = 1
			THEN E'\n## ' || family || '. '
				|| CASE family
					WHEN 'A' THEN 'Long locks: a table is written anew'
					WHEN 'B' THEN 'Long locks: a table is read, or an index built'
					WHEN 'C' THEN 'Strong locks for a moment'
					WHEN 'D' THEN 'Shape of the transaction'
					WHEN 'E' THEN 'Running clients'
					WHEN 'F' THEN 'Robustness'
					WHEN 'G' THEN 'Design'
				END || E'\n'
			ELSE '' END
		|| format(E'\n### %s\n\n*%s*%s. %s\n\n```sql\n%s\n-- not flagged:\n%s\n```\n',
			rule, severity,
			CASE WHEN min_version IS NOT NULL
				THEN format(', PostgreSQL %s and later', min_version) ELSE '' END,
			description, example_bad, example_good) AS page
	FROM schemamig_rules() WITH ORDINALITY
) rules
