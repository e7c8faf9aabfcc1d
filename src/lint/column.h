/*-------------------------------------------------------------------------
 *
 * column.h
 *	  What a column definition of ADD COLUMN or CREATE TABLE comes to.
 *
 * IDENTIFICATION
 *	  src/lint/column.h
 *
 *-------------------------------------------------------------------------
 */
#ifndef SMIG_LINT_COLUMN_H
#define SMIG_LINT_COLUMN_H

#include "lint/expr.h"

typedef struct SmigNewColumn
{
	ColumnDef  *definition;
	bool		serial;			/* serial, bigserial, smallserial */
	char		identity;		/* as pg_attribute.attidentity */
	bool		stored;			/* GENERATED ... STORED */
	bool		virtual;		/* GENERATED ... VIRTUAL */
	bool		domain;			/* a domain with constraints */
	SmigDefaultKind default_kind;
	Node	   *default_raw;	/* or NULL */
	Node	   *generated_raw;	/* or NULL */
	bool		notnull;
	bool		check;
	bool		unique;			/* UNIQUE or PRIMARY KEY */
	bool		primary;
	List	   *checks;			/* of Constraint * */
	List	   *foreign_keys;	/* of Constraint * */
	bool		rewrites;		/* ADD COLUMN writes the table anew */
	bool		constant;		/* existing rows get a value without that */
} SmigNewColumn;

extern void smig_column_analyse(SmigPending *pending, SmigRelation *relation,
								ColumnDef *definition, SmigNewColumn *column);
extern bool smig_column_has_default(ColumnDef *definition);
extern bool smig_column_is_serial(ColumnDef *definition);
extern bool smig_column_listed(List *names, const char *name);
extern bool smig_column_is_constant(Node *raw);
extern List *smig_column_split_name(const char *text);

#endif							/* SMIG_LINT_COLUMN_H */
