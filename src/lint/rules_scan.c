/*-------------------------------------------------------------------------
 *
 * rules_scan.c
 *	  Family B: a table is read from end to end, or an index built, under a
 *	  lock that stops readers or writers.
 *
 * IDENTIFICATION
 *	  src/lint/rules_scan.c
 *
 *-------------------------------------------------------------------------
 */
#include "postgres.h"

#include "catalog/namespace.h"
#include "catalog/pg_class.h"
#include "catalog/pg_constraint.h"
#include "nodes/makefuncs.h"
#include "nodes/value.h"
#include "utils/builtins.h"

#include "compat.h"
#include "lint/facts_internal.h"
#include "lint/rules.h"

/*
 * The n-th command of an ALTER TABLE on a table in use with that subtype;
 * NULL when there is none.
 */
static AlterTableCmd *
nth_command(SmigRuleContext *context, AlterTableType subtype, int n,
			SmigRelation **relation)
{
	List	   *commands;
	ListCell   *lc;

	*relation = smig_rule_altered(context, &commands);
	if (*relation == NULL)
		return NULL;
	foreach(lc, commands)
	{
		AlterTableCmd *cmd = lfirst(lc);

		if (cmd->subtype == subtype && n-- == 0)
			return cmd;
	}
	return NULL;
}

static void
check_set_not_null(SmigRuleContext *context)
{
	SmigRelation *relation;
	AlterTableCmd *cmd;

	for (int n = 0; (cmd = nth_command(context, AT_SetNotNull, n, &relation)); n++)
	{
		SmigColumn *column = smig_view_column(relation, cmd->name);

		/* what was validated of a table that is elsewhere may prove it */
		if (relation->validated)
			continue;
		if (column && smig_expr_proves_not_null(context->pending, relation,
												cmd->name))
			continue;
		smig_rule_report(context, -1, smig_suggest(context),
						 "SET NOT NULL on column \"%s\" reads all of %s%s while nobody can read or write it, because no valid constraint proves it yet",
						 cmd->name, relation->label, smig_rule_size(relation));
	}
}

/*
 * Reports constraints of one kind that are added with all rows checked.
 */
static void
check_constraint(SmigRuleContext *context, ConstrType type,
				 const char *format_what)
{
	SmigRelation *relation;
	AlterTableCmd *cmd;

	for (int n = 0; (cmd = nth_command(context, AT_AddConstraint, n,
									   &relation)); n++)
	{
		Constraint *constraint = castNode(Constraint, cmd->def);

		if (constraint->contype != type || constraint->skip_validation ||
			constraint->indexname)
			continue;
		smig_rule_report(context, constraint->location, smig_suggest(context),
						 "%s %s%s%s", format_what, relation->label,
						 smig_rule_size(relation),
						 type == CONSTR_FOREIGN ?
						 " and of the referenced table while nobody can write to either" :
						 " while nobody can read or write it");
	}
}

static void
check_check(SmigRuleContext *context)
{
	check_constraint(context, CONSTR_CHECK,
					 "adding a CHECK that is valid at once reads all rows of");
	check_constraint(context, CONSTR_NOTNULL,
					 "adding a NOT NULL that is valid at once reads all rows of");
}

static void
check_foreign_key(SmigRuleContext *context)
{
	check_constraint(context, CONSTR_FOREIGN,
					 "adding a foreign key that is valid at once reads all rows of");
}

static void
check_unique(SmigRuleContext *context)
{
	SmigRelation *relation;
	AlterTableCmd *cmd;

	check_constraint(context, CONSTR_UNIQUE,
					 "adding a UNIQUE constraint builds an index over all rows of");
	for (int n = 0; (cmd = nth_command(context, AT_AddColumn, n, &relation)); n++)
	{
		SmigNewColumn column;

		smig_column_analyse(context->pending, relation,
							castNode(ColumnDef, cmd->def), &column);
		if (column.unique && !column.primary)
			smig_rule_report(context, column.definition->location,
							 smig_suggest(context),
							 "UNIQUE on new column \"%s\" builds an index over all rows of %s%s while nobody can read or write it",
							 column.definition->colname, relation->label,
							 smig_rule_size(relation));
	}
}

static void
check_primary_key(SmigRuleContext *context)
{
	SmigRelation *relation;
	AlterTableCmd *cmd;

	check_constraint(context, CONSTR_PRIMARY,
					 "adding a PRIMARY KEY builds an index over all rows of");
	for (int n = 0; (cmd = nth_command(context, AT_AddColumn, n, &relation)); n++)
	{
		SmigNewColumn column;

		smig_column_analyse(context->pending, relation,
							castNode(ColumnDef, cmd->def), &column);
		if (column.primary)
			smig_rule_report(context, column.definition->location,
							 smig_suggest(context),
							 "PRIMARY KEY on new column \"%s\" builds an index over all rows of %s%s while nobody can read or write it",
							 column.definition->colname, relation->label,
							 smig_rule_size(relation));
	}
	for (int n = 0; (cmd = nth_command(context, AT_AddConstraint, n,
									   &relation)); n++)
	{
		Constraint *constraint = castNode(Constraint, cmd->def);

		if (constraint->contype == CONSTR_PRIMARY && constraint->indexname &&
			smig_rule_scans(context, relation))
			smig_rule_report(context, constraint->location, NULL,
							 "PRIMARY KEY USING INDEX \"%s\" makes its columns NOT NULL, which reads all rows of %s%s while nobody can read or write it; make them NOT NULL beforehand",
							 constraint->indexname, relation->label,
							 smig_rule_size(relation));
	}
}

static void
check_exclude(SmigRuleContext *context)
{
	SmigRelation *relation;
	AlterTableCmd *cmd;

	for (int n = 0; (cmd = nth_command(context, AT_AddConstraint, n,
									   &relation)); n++)
	{
		Constraint *constraint = castNode(Constraint, cmd->def);

		if (constraint->contype == CONSTR_EXCLUSION)
			smig_rule_report(context, constraint->location, NULL,
							 "an EXCLUDE constraint builds an index over all rows of %s%s while nobody can read or write it, and there is no other way on a table in use; create a new table with it",
							 relation->label, smig_rule_size(relation));
	}
}

static void
check_column_check(SmigRuleContext *context)
{
	SmigRelation *relation;
	AlterTableCmd *cmd;

	for (int n = 0; (cmd = nth_command(context, AT_AddColumn, n, &relation)); n++)
	{
		SmigNewColumn column;

		smig_column_analyse(context->pending, relation,
							castNode(ColumnDef, cmd->def), &column);
		if (column.check && !column.rewrites)
			smig_rule_report(context, column.definition->location,
							 smig_suggest(context),
							 "the CHECK on new column \"%s\" reads all of %s%s while nobody can read or write it, although the column is new",
							 column.definition->colname, relation->label,
							 smig_rule_size(relation));
	}
}

static void
check_column_foreign_key(SmigRuleContext *context)
{
	SmigRelation *relation;
	AlterTableCmd *cmd;

	for (int n = 0; (cmd = nth_command(context, AT_AddColumn, n, &relation)); n++)
	{
		SmigNewColumn column;
		ListCell   *lc;

		smig_column_analyse(context->pending, relation,
							castNode(ColumnDef, cmd->def), &column);
		foreach(lc, column.foreign_keys)
		{
			Constraint *constraint = lfirst(lc);
			const char *target = constraint->pktable->relname;

			if (smig_column_has_default(column.definition))
				smig_rule_report(context, constraint->location,
								 smig_suggest(context),
								 "the foreign key of new column \"%s\" with a default reads all of %s%s and of \"%s\" while nobody can read or write the one or write to the other",
								 column.definition->colname, relation->label,
								 smig_rule_size(relation), target);
			else
				smig_rule_report(context, constraint->location,
								 smig_suggest(context),
								 "the foreign key of new column \"%s\" locks %s against everybody and \"%s\" against writers in one go",
								 column.definition->colname, relation->label,
								 target);
		}
	}
}

static void
check_create_index(SmigRuleContext *context)
{
	IndexStmt  *stmt = (IndexStmt *) context->stmt;
	SmigRelation *relation;

	if (!IsA(stmt, IndexStmt) || stmt->concurrent)
		return;
	relation = smig_rule_relation(context, stmt->relation);
	if (relation == NULL || relation->kind == RELKIND_PARTITIONED_TABLE)
		return;
	smig_rule_report(context, -1, smig_suggest(context),
					 "building the index reads all of %s%s while nobody can write to it",
					 relation->label, smig_rule_size(relation));
}

static void
check_create_index_partitioned(SmigRuleContext *context)
{
	IndexStmt  *stmt = (IndexStmt *) context->stmt;
	SmigRelation *relation;

	if (!IsA(stmt, IndexStmt) || stmt->concurrent)
		return;
	relation = smig_rule_relation(context, stmt->relation);
	if (relation == NULL || relation->kind != RELKIND_PARTITIONED_TABLE ||
		!smig_rule_scans(context, relation))
		return;
	smig_rule_report(context, -1, smig_suggest(context),
					 "building the index on %s reads all its partitions while nobody can write to any of them",
					 relation->label);
}

static void
check_reindex(SmigRuleContext *context)
{
	ReindexStmt *stmt = (ReindexStmt *) context->stmt;

	if (!IsA(stmt, ReindexStmt) ||
		smig_facts_option(stmt->params, "concurrently"))
		return;
	smig_rule_report(context, -1, smig_suggest(context),
					 "REINDEX stops writers of the table, and most readers, until the index is built");
}

static void
check_attach(SmigRuleContext *context)
{
	SmigRelation *relation;
	AlterTableCmd *cmd;

	for (int n = 0; (cmd = nth_command(context, AT_AttachPartition, n,
									   &relation)); n++)
	{
		PartitionCmd *partition = castNode(PartitionCmd, cmd->def);
		SmigRelation *child = smig_view_find(context->pending,
											 partition->name);
		SmigRelation *other = smig_view_default_partition(context->pending,
														  relation);

		if (child && !child->created && smig_rule_scans(context, child))
			smig_rule_report(context, -1, smig_suggest(context),
							 "attaching reads all of %s%s while nobody can read or write it, because no valid CHECK proves its bound or an index is missing",
							 child->label, smig_rule_size(child));
		if (other && smig_rule_scans(context, other))
			smig_rule_report(context, -1, smig_suggest(context),
							 "attaching reads all of the default partition %s%s while nobody can read or write it, because no valid CHECK proves that it holds no row of the new one",
							 other->label, smig_rule_size(other));
	}
}

static void
check_partition_of(SmigRuleContext *context)
{
	CreateStmt *stmt = (CreateStmt *) context->stmt;
	SmigRelation *parent;

	if (!IsA(stmt, CreateStmt) || stmt->partbound == NULL)
		return;
	parent = smig_rule_relation(context, linitial(stmt->inhRelations));
	if (parent)
		smig_rule_report(context, -1, smig_suggest(context),
						 "CREATE TABLE ... PARTITION OF waits for, and then stops, all readers and writers of %s; a table that is attached afterwards does not",
						 parent->label);
}

static void
check_detach(SmigRuleContext *context)
{
	SmigRelation *relation;
	AlterTableCmd *cmd;

	for (int n = 0; (cmd = nth_command(context, AT_DetachPartition, n,
									   &relation)); n++)
	{
		if (castNode(PartitionCmd, cmd->def)->concurrent)
			continue;
		smig_rule_report(context, -1, smig_suggest(context),
						 "detaching waits for, and then stops, all readers and writers of %s%s",
						 relation->label,
						 smig_view_default_partition(context->pending,
													 relation) ?
						 "; CONCURRENTLY is not possible while there is a default partition" :
						 "");
	}
}

static void
check_domain(SmigRuleContext *context)
{
	AlterDomainStmt *stmt = (AlterDomainStmt *) context->stmt;
	SmigPendingType *made;
	char	   *suggestion = NULL;

	if (!IsA(stmt, AlterDomainStmt) ||
		(stmt->subtype != 'C' && stmt->subtype != 'O') ||
		(stmt->subtype == 'C' &&
		 castNode(Constraint, stmt->def)->skip_validation))
		return;
	made = smig_pending_type(context->pending,
							 makeTypeNameFromNameList(stmt->typeName));
	if (made && made->kind != '\0')
		return;
	if (stmt->subtype == 'C' && castNode(Constraint, stmt->def)->conname)
		suggestion =
			psprintf("%s NOT VALID;\nCOMMIT;\nALTER DOMAIN %s VALIDATE CONSTRAINT %s;",
					 smig_script_statement_text(context->script,
												context->statement),
					 NameListToQuotedString(stmt->typeName),
					 quote_identifier(castNode(Constraint,
											   stmt->def)->conname));
	smig_rule_report(context, -1, suggestion,
					 "a constraint on a domain reads every table that has a column of it while nobody can write to any of them%s",
					 stmt->subtype == 'C' ?
					 "; add it NOT VALID and validate it in another transaction" : "");
}

static void
check_refresh(SmigRuleContext *context)
{
	RefreshMatViewStmt *stmt = (RefreshMatViewStmt *) context->stmt;
	SmigRelation *view;

	if (!IsA(stmt, RefreshMatViewStmt) || stmt->concurrent)
		return;
	view = smig_rule_relation(context, stmt->relation);
	if (view)
		smig_rule_report(context, -1, smig_suggest(context),
						 "refreshing %s stops its readers until its query is done%s",
						 view->label, smig_suggest(context) ? "" :
						 "; with a unique index it can be refreshed CONCURRENTLY");
}

static void
check_validate(SmigRuleContext *context)
{
	SmigRelation *relation;
	AlterTableCmd *cmd;

	for (int n = 0; (cmd = nth_command(context, AT_ValidateConstraint, n,
									   &relation)); n++)
	{
		SmigConstraint *constraint = smig_view_constraint(relation, cmd->name);

		if (constraint == NULL || !constraint->added || constraint->valid ||
			constraint->transaction != context->pending->transaction ||
			!context->transaction)
			continue;
		smig_rule_report(context, -1, smig_suggest(context),
						 "validating \"%s\" in the transaction that added it keeps the strong lock of ADD CONSTRAINT on %s%s while all its rows are read",
						 cmd->name, relation->label, smig_rule_size(relation));
	}
}

/* A change of fewer rows than this does not need batches. */
#define MASS_ROWS 10000

static void
check_mass_dml(SmigRuleContext *context)
{
	RangeVar   *target = NULL;
	Node	   *where = NULL;
	SmigRelation *relation;

	if (IsA(context->stmt, UpdateStmt))
	{
		target = ((UpdateStmt *) context->stmt)->relation;
		where = ((UpdateStmt *) context->stmt)->whereClause;
	}
	else if (IsA(context->stmt, DeleteStmt))
	{
		target = ((DeleteStmt *) context->stmt)->relation;
		where = ((DeleteStmt *) context->stmt)->whereClause;
	}
	else
		return;
	relation = smig_rule_relation(context, target);
	if (relation == NULL || (relation->kind != RELKIND_RELATION &&
							 relation->kind != RELKIND_PARTITIONED_TABLE))
		return;
	if (where != NULL && (!smig_rule_scans(context, relation) ||
						  (relation->tuples >= 0 &&
						   relation->tuples < MASS_ROWS)))
		return;
	smig_rule_report(context, -1, smig_suggest(context),
					 "%s %s%s in one transaction locks each row it changes until the end, bloats the table and holds back VACUUM; run it in batches",
					 where ? "changing rows all over" : "changing all rows of",
					 relation->label, smig_rule_size(relation));
}

static const SmigRule rules[] = {
	{"set-not-null", SMIG_SEVERITY_ERROR, 'B',
		"SET NOT NULL reads the whole table under an ACCESS EXCLUSIVE lock, unless a valid CHECK (column IS NOT NULL), or one that implies it, proves it already.",
		check_set_not_null,
		"ALTER TABLE t ALTER COLUMN a SET NOT NULL;",
	"ALTER TABLE t ALTER COLUMN proved SET NOT NULL;"},
	{"add-check-valid", SMIG_SEVERITY_ERROR, 'B',
		"ADD CONSTRAINT CHECK without NOT VALID reads the whole table under an ACCESS EXCLUSIVE lock. NOT VALID followed by VALIDATE in another transaction reads it while others read and write.",
		check_check,
		"ALTER TABLE t ADD CONSTRAINT a_positive CHECK (a > 0);",
	"ALTER TABLE t ADD CONSTRAINT a_positive CHECK (a > 0) NOT VALID;"},
	{"add-column-check", SMIG_SEVERITY_ERROR, 'B',
		"ADD COLUMN with a CHECK reads the whole table under an ACCESS EXCLUSIVE lock, even where the column is NULL in all rows.",
		check_column_check,
		"ALTER TABLE t ADD COLUMN x int CHECK (x > 0);",
	"ALTER TABLE t ADD COLUMN x int;"},
	{"add-fk-valid", SMIG_SEVERITY_ERROR, 'B',
		"ADD FOREIGN KEY without NOT VALID reads both tables under locks that stop all writers of both. NOT VALID followed by VALIDATE in another transaction does not.",
		check_foreign_key,
		"ALTER TABLE t ADD CONSTRAINT t_o FOREIGN KEY (o_id) REFERENCES o;",
	"ALTER TABLE t ADD CONSTRAINT t_o FOREIGN KEY (o_id) REFERENCES o NOT VALID;"},
	{"add-column-fk", SMIG_SEVERITY_WARNING, 'B',
		"ADD COLUMN ... REFERENCES locks the table against everybody and the referenced one against writers at the same time, and with a default reads both. Adding the column first and the key NOT VALID after it holds each lock for a moment only.",
		check_column_foreign_key,
		"ALTER TABLE t ADD COLUMN x bigint REFERENCES o;",
	"ALTER TABLE t ADD COLUMN x bigint;"},
	{"add-unique", SMIG_SEVERITY_ERROR, 'B',
		"ADD UNIQUE builds its index under an ACCESS EXCLUSIVE lock. CREATE UNIQUE INDEX CONCURRENTLY and ADD ... UNIQUE USING INDEX does not.",
		check_unique,
		"ALTER TABLE t ADD CONSTRAINT t_a UNIQUE (a);",
	"ALTER TABLE t ADD CONSTRAINT t_c UNIQUE USING INDEX t_c_uq;"},
	{"add-primary-key", SMIG_SEVERITY_ERROR, 'B',
		"ADD PRIMARY KEY builds its index under an ACCESS EXCLUSIVE lock, and with USING INDEX still reads the table when a column is not NOT NULL yet.",
		check_primary_key,
		"ALTER TABLE o2 ADD PRIMARY KEY (id);",
	"ALTER TABLE o3 ADD PRIMARY KEY USING INDEX o3_id;"},
	{"add-exclude", SMIG_SEVERITY_ERROR, 'B',
		"An EXCLUDE constraint builds its index under an ACCESS EXCLUSIVE lock; there is no other way.",
		check_exclude,
		"ALTER TABLE t ADD CONSTRAINT t_ex EXCLUDE USING btree (a WITH =);",
	"CREATE TABLE n (id int PRIMARY KEY, EXCLUDE USING btree (id WITH =));"},
	{"create-index", SMIG_SEVERITY_ERROR, 'B',
		"CREATE INDEX stops writers of the table until it is built; CONCURRENTLY does not.",
		check_create_index,
		"CREATE INDEX t_a ON t (a);",
	"CREATE INDEX CONCURRENTLY t_a ON t (a);"},
	{"create-index-partitioned", SMIG_SEVERITY_ERROR, 'B',
		"CREATE INDEX on a partitioned table stops writers of all partitions until all parts are built. CREATE INDEX ON ONLY, CONCURRENTLY on each partition and ALTER INDEX ATTACH PARTITION does not.",
		check_create_index_partitioned,
		"CREATE INDEX p_k ON p (k);",
	"CREATE INDEX p_k ON ONLY p (k);"},
	{"reindex", SMIG_SEVERITY_ERROR, 'B',
		"REINDEX stops writers of the table, and all queries that might use the index, until it is built; CONCURRENTLY does not.",
		check_reindex,
		"REINDEX INDEX t_pkey;",
	"REINDEX INDEX CONCURRENTLY t_pkey;"},
	{"attach-scan", SMIG_SEVERITY_ERROR, 'B',
		"ATTACH PARTITION reads the new partition, and the default partition, under an ACCESS EXCLUSIVE lock on them, unless valid CHECKs prove the bound, and builds the indexes it lacks.",
		check_attach,
		"ALTER TABLE p ATTACH PARTITION p_unproved FOR VALUES FROM (2000) TO (3000);",
	"ALTER TABLE p ATTACH PARTITION p_proved FOR VALUES FROM (3000) TO (4000);"},
	{"partition-of", SMIG_SEVERITY_WARNING, 'B',
		"CREATE TABLE ... PARTITION OF takes an ACCESS EXCLUSIVE lock on the partitioned table. CREATE TABLE ... LIKE and ATTACH PARTITION does not.",
		check_partition_of,
		"CREATE TABLE p_new PARTITION OF p FOR VALUES FROM (5000) TO (6000);",
	"CREATE TABLE p_new (LIKE p INCLUDING ALL);"},
	{"detach-partition", SMIG_SEVERITY_WARNING, 'B',
		"DETACH PARTITION takes an ACCESS EXCLUSIVE lock on the partitioned table, the partition and the default partition; CONCURRENTLY does not, but is not possible with a default partition.",
		check_detach,
		"ALTER TABLE p DETACH PARTITION p1;",
	"ALTER TABLE p DETACH PARTITION p1 CONCURRENTLY;"},
	{"alter-domain-constraint", SMIG_SEVERITY_ERROR, 'B',
		"ALTER DOMAIN ... ADD CONSTRAINT without NOT VALID, and SET NOT NULL, read every table that uses the domain under a lock that stops its writers.",
		check_domain,
		"ALTER DOMAIN plain ADD CONSTRAINT small CHECK (VALUE < 100);",
	"ALTER DOMAIN plain ADD CONSTRAINT small CHECK (VALUE < 100) NOT VALID;"},
	{"refresh-matview", SMIG_SEVERITY_WARNING, 'B',
		"REFRESH MATERIALIZED VIEW stops readers of the view until its query is done. With a unique index it can be done CONCURRENTLY.",
		check_refresh,
		"REFRESH MATERIALIZED VIEW mv;",
	"REFRESH MATERIALIZED VIEW CONCURRENTLY mv;"},
	{"validate-in-same-transaction", SMIG_SEVERITY_ERROR, 'B',
		"VALIDATE CONSTRAINT in the transaction that added the constraint reads all rows while the strong lock of ADD CONSTRAINT is still held, so NOT VALID was for nothing.",
		check_validate,
		"ALTER TABLE t ADD CONSTRAINT a_positive CHECK (a > 0) NOT VALID; ALTER TABLE t VALIDATE CONSTRAINT a_positive;",
	"ALTER TABLE t ADD CONSTRAINT a_positive CHECK (a > 0) NOT VALID; COMMIT; ALTER TABLE t VALIDATE CONSTRAINT a_positive;"},
	{"mass-dml", SMIG_SEVERITY_WARNING, 'B',
		"UPDATE or DELETE of all rows, or of rows that no index finds in a large table, holds its row locks and its snapshot for as long as it runs, bloats the table and floods the WAL. schemamig_backfill does it in batches.",
		check_mass_dml,
		"UPDATE t SET a = 1;",
	"UPDATE t SET a = 1 WHERE id = 5;"},
};

const SmigRuleFamily smig_rules_scan = {rules, lengthof(rules)};
